/** Trees, graphs and regions: inventory D8, E21, E22. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  attend,
  backward,
  ConfigError,
  DataError,
  dotScore,
  edgeMask,
  GraphAttention,
  noGrad,
  Random,
  readConllu,
  ShapeError,
  SinusoidalPosition,
  sum,
  type Tensor,
  TreeDistanceScores,
  tensor,
  treeDepths,
  treeDistances,
} from '../../src/index.ts';
import { MultiHeadAttention } from '../../src/nn/attention/multi-head.ts';
import {
  graphGradientsAgree,
  graphGradientsAreDifferences,
  graphsEqualLoops,
} from '../support/checks/graphs.ts';
import { edgesHideNodes, relabelled, treeDistancesEqualSearch } from '../support/checks/structure.ts';
import { itOnEachDevice } from '../support/devices.ts';
import { disturb } from '../support/models.ts';
import { expectNear, gradientOf, leaf, rowOf } from '../support/numbers.ts';

const folder = mkdtempSync(join(tmpdir(), 'heed-conllu-'));
afterAll(() => rmSync(folder, { recursive: true }));
const context = { random: new Random(1, 'structure'), device: 'reference' };

/** A file of one sentence from heads counted from 1, as the format has them. */
function conllu(name: string, heads: readonly (number | string)[], before: readonly string[] = []): string {
  const words = heads.map((head, i) => `${i + 1}\tw${i + 1}\t_\t_\t_\t_\t${head}\tdep\t_\t_`);
  const path = join(folder, name);
  writeFileSync(path, `${[...before, ...words].join('\n')}\n\n`);
  return path;
}

describe('dependency trees (D8)', () => {
  it('have depths and distances that a search finds', treeDistancesEqualSearch);

  it('are read from CoNLL-U, without comments, ranges and empty nodes', () => {
    const before = ['# text = w1 w2 w3', `1-2\tw1w2${'\t_'.repeat(8)}`, `0.1\tgap${'\t_'.repeat(8)}`];
    expect(readConllu(conllu('good.conllu', [2, 0, 2], before))).toEqual([
      { words: ['w1', 'w2', 'w3'], heads: [1, -1, 1], relations: ['dep', 'dep', 'dep'] },
    ]);
  });

  it.each([
    ['circle', [2, 1, 0], 1, 'a circle of heads above word 1'],
    ['roots', [0, 1, 0], 3, 'one root (HEAD 0), got 2'],
    ['rootless', [2, 3, 1], 1, 'one root (HEAD 0), got 0'],
    ['far', [0, 4, 1], 2, 'a HEAD from 0 to 3, got 4'],
    ['text', [0, '_', 1], 2, 'a HEAD from 0 to 3, got _'],
  ] as const)('%s: an error with file and line', (name, heads, line, message) => {
    const path = conllu(name, heads);
    const read = () => readConllu(path);
    expect(read).toThrow(DataError);
    expect(read).toThrow(`${path}:${line}: `);
    expect(read).toThrow(message);
  });

  it('with too few columns are an error of that line', () => {
    const path = conllu('columns', [0], ['# a comment', 'only\ttwo']);
    expect(() => readConllu(path)).toThrow(`${path}:2: expected 10 columns, got 2`);
  });

  it('refuse heads that make no tree', () => {
    expect(() => treeDepths([1, 0])).toThrow(ShapeError);
    expect(() => treeDistances([5])).toThrow('expected heads that make a tree');
  });

  /** A sentence and its words in another order: the same tree. */
  const heads = [1, -1, 3, 1, 3, 4];
  const order = [4, 2, 0, 5, 1, 3];
  const turned = order.map((word) => (heads[word] === -1 ? -1 : order.indexOf(heads[word]!)));

  it('in another order of the words give the same depths and distances', () => {
    const [depths, distances] = [treeDepths(heads), treeDistances(heads)];
    expect(Array.from(treeDepths(turned))).toEqual(order.map((word) => depths[word]));
    const expected = order.flatMap((t) => order.map((s) => distances[t * 6 + s]));
    expect(Array.from(treeDistances(turned))).toEqual(expected);
  });

  it('in another order of the words give the same attention, absolute and relative', () => {
    const layer = disturb(new MultiHeadAttention({ dModel: 8, numHeads: 2 }, context), 1);
    const scores = new TreeDistanceScores({ numHeads: 2, maxDistance: 3 }, context);
    const depth = new SinusoidalPosition(8, 8, context);
    const words = leaf([1, 6, 8], 1, 'words');
    const run = (x: Tensor, tree: readonly number[]): Tensor => {
      const places = tensor(treeDepths(tree), [1, 6], { dtype: 'int32', device: 'reference' });
      const placed = depth.forward(x, places);
      return layer.forward(placed, placed, { position: scores.inTrees([tree]) });
    };
    const rows = (x: Tensor): number[] => order.flatMap((word) => rowOf(x.data, word, 8));
    const other = tensor(rows(words), [1, 6, 8], { device: 'reference' });
    const plain = run(words, heads);
    expectNear(noGrad(() => run(other, turned)).data, rows(plain), 1e-13, 'order');
    const chain = noGrad(() => run(words, [-1, 0, 1, 2, 3, 4]));
    expect(Math.abs(chain.data[0]! - plain.data[0]!)).toBeGreaterThan(1e-3);
    backward(sum(plain));
    expect(gradientOf(scores.weight).every((g) => g !== 0)).toBe(true);
  });

  it('must be as many as the batch has sentences', () => {
    const scores = new TreeDistanceScores({ numHeads: 2 }, context);
    const layer = new MultiHeadAttention({ dModel: 8, numHeads: 2 }, context);
    const x = leaf([2, 3, 8], 1, 'x');
    const run = () => layer.forward(x, x, { position: scores.inTrees([[-1, 0, 0]]) });
    expect(run).toThrow('expected 2 trees of at most 3 words, got trees of 3 words');
  });
});

describe('graphs (E21)', () => {
  itOnEachDevice('outputs equal scalar loops over the edges and what is known of them', graphsEqualLoops);
  it(
    'gradients are central differences, of W and of what is known of edges too',
    graphGradientsAreDifferences,
  );
  itOnEachDevice('gradients are those of the reference', graphGradientsAgree);

  itOnEachDevice('nodes by other names get the same outputs', relabelled);
  it('a node is blind to those that no edge leads from', edgesHideNodes);

  it('a complete graph is full attention', () => {
    const layer = disturb(new GraphAttention({ dModel: 8, numHeads: 2 }, context), 2);
    const x = leaf([2, 4, 8], 2, 'x');
    const all = [0, 1, 2, 3].flatMap((t) => [0, 1, 2, 3].map((s) => [t, s] as const));
    const complete = noGrad(() => layer.forward(x, edgeMask(4, all, { device: x.device })));
    expect(complete.data).toEqual(noGrad(() => layer.attention.forward(x, x)).data);
  });

  it('refuse what is known of edges where they were made without a width for it', () => {
    const layer = new GraphAttention({ dModel: 8, numHeads: 2 }, context);
    const run = () => layer.forward(leaf([1, 2, 8], 1, 'x'), null, leaf([1, 2, 2, 3], 1, 'features'));
    expect(run).toThrow(ConfigError);
    expect(run).toThrow('features of width 3 and edgeWidth 0; hint: make the layer with edgeWidth: 3');
  });
});

it('attention over regions of a picture: 0.7, 0.1, 0.1 and 0.1 of their values (E22, g3)', () => {
  const option = { device: 'reference' } as const;
  // Upper left, lower left, upper right, lower right; the query asks for what the first region shows.
  const keys = tensor(
    [
      [
        [Math.log(7), 0],
        [0, 1],
        [0, -1],
        [0, 2],
      ],
    ],
    undefined,
    option,
  );
  const values = tensor(
    [
      [
        [1, 0, 0, 0],
        [0, 1, 0, 0],
        [0, 0, 1, 0],
        [0, 0, 0, 1],
      ],
    ],
    undefined,
    option,
  );
  const query = tensor([[[1, 0]]], undefined, option);
  const { output, weights } = attend(query, keys, values, { score: dotScore });
  expectNear(weights.data, [0.7, 0.1, 0.1, 0.1], 1e-15);
  expectNear(output.data, [0.7, 0.1, 0.1, 0.1], 1e-15);
});
