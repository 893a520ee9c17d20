/** What models that look at the trees of their sources must keep. */
import { expect, type TestContext } from 'vitest';
import {
  type AttentionChoice,
  type AttentionSizes,
  BatchStructure,
  capture,
  type MultiHeadAttention,
  makeAttention,
  noGrad,
  Random,
  type SourceStructure,
  scope,
  type TransformerConfig,
  tensor,
  withEndToken,
} from '../../../src/index.ts';
import { needDevice } from '../devices.ts';
import { disturb, tinyModel } from '../models.ts';
import { expectNear, leaf } from '../numbers.ts';
import { slowAttention } from '../slow.ts';

/** Sentences of other lengths and trees; some words have two pieces, the last token is the end. */
const sentences: readonly { readonly ids: readonly number[]; readonly tree: SourceStructure }[] = [
  {
    ids: [3, 5, 4, 8, 2],
    tree: { nodes: [0, 1, 1, 2], heads: [1, -1, 1], relations: ['nsubj:pass', 'root', 'obj'] },
  },
  { ids: [7, 2], tree: { nodes: [0], heads: [-1], relations: ['root'] } },
  {
    ids: [4, 6, 5, 3, 7, 3, 2],
    tree: {
      nodes: [0, 1, 2, 3, 3, 4],
      heads: [3, 0, 1, -1, 2],
      relations: ['nsubj', 'made-up', 'case', 'root', 'nsubj'],
    },
  },
].map(({ ids, tree }) => ({ ids, tree: withEndToken(tree) }));

const packed = (rows: readonly (readonly number[])[]) => ({
  ids: Int32Array.from(rows.flat()),
  lengths: rows.map(({ length }) => length),
});

/** Logits of the targets of some sentences, in one packed pass. */
function packedLogits(config: Partial<TransformerConfig>, device: string, which: readonly number[]) {
  const model = tinyModel(config, device).eval();
  const chosen = which.map((n) => sentences[n]!);
  return noGrad(() =>
    scope(() => {
      const sources = {
        ...packed(chosen.map(({ ids }) => ids)),
        structures: chosen.map(({ tree }) => tree),
      };
      return Float64Array.from(model.forwardPacked(sources, packed(which.map((n) => [1, n + 3]))).data);
    }),
  );
}

/** Logits of the first step of decoding for all sentences, padded. */
function decodedLogits(config: Partial<TransformerConfig>, device: string): Float64Array {
  const model = tinyModel(config, device).eval();
  const length = Math.max(...sentences.map(({ ids }) => ids.length));
  const ids = new Int32Array(sentences.length * length);
  const mask = new Uint8Array(ids.length);
  sentences.forEach((sentence, n) => {
    ids.set(sentence.ids, n * length);
    mask.fill(1, n * length, n * length + sentence.ids.length);
  });
  const structures = sentences.map(({ tree }) => tree);
  const batch = sentences.length;
  return noGrad(() =>
    scope(() => {
      const state = model.decodingOf({ ids, mask, batch, length, structures }, 4);
      const begin = tensor(new Int32Array(batch).fill(1), [batch, 1], { dtype: 'int32', device });
      const logits = Float64Array.from(state.step!(begin).data);
      state.dispose();
      return logits;
    }),
  );
}

/** A sentence alone, packed with others, and padded beside others: the same logits. */
export function treesStayWithTheirTexts(config: Partial<TransformerConfig>, device = 'reference'): void {
  const tolerance = device === 'reference' ? 1e-12 : 3e-5;
  const alone = sentences.map((_, n) => packedLogits(config, 'reference', [n]));
  const together = packedLogits(config, device, [...sentences.keys()]);
  expectNear(together, Float64Array.from(alone.flatMap((row) => [...row])), tolerance, 'packed');
  const firsts = alone.flatMap((row) => [...row.subarray(0, row.length / 2)]);
  expectNear(decodedLogits(config, device), firsts, tolerance, 'padded');
}

/** `treesStayWithTheirTexts` on every device. */
export function onEveryDevice(context: TestContext, config: Partial<TransformerConfig>): void {
  for (const device of ['reference', 'native', 'wasm']) {
    if (device !== 'reference') needDevice(context, device);
    treesStayWithTheirTexts(config, device);
  }
}

/** Of both mechanisms at once, for planted bugs. */
export function treesStayWithTheirTextsTogether(): void {
  treesStayWithTheirTexts({ encoderPosition: 'structural', encoderAttention: 'graph' });
}

/** Which tokens a token sees, and by which relation, as the definition says it. */
function edgeOf(edges: string, { nodes, heads, relations }: SourceStructure, t: number, s: number) {
  const [to, from] = [nodes[t]!, nodes[s]!];
  if (to === from) return 'same';
  if (edges !== 'dependents' && heads[to] === from) return `to ${relations[to]!.replace(/:.*/, '')}`;
  if (edges !== 'heads' && heads[from] === to) return `of ${relations[from]!.replace(/:.*/, '')}`;
  return undefined;
}

const sizes: AttentionSizes = {
  ...{ role: 'encoder', dModel: 8, numHeads: 2, headDim: 4, valueDim: 4 },
  ...{ dropout: 0, scale: 'sqrt', maxSeqLen: 16 },
};

/** A layer of the same values whatever its kind. */
function layerOf(choice: AttentionChoice): MultiHeadAttention {
  const context = { random: new Random(4, 'edges'), device: 'reference' };
  return disturb(makeAttention(choice, sizes, context) as MultiHeadAttention, 4);
}

/** Attention along the edges of a tree equals loops over the pairs that have one. */
export function treeEdgesEqualLoops(): void {
  const { tree } = sentences[2]!;
  const length = tree.nodes.length;
  const { query, key, value, output } = layerOf('multi-head');
  const x = leaf([1, length, 8], 4, 'x');
  for (const edges of ['dependencies', 'heads', 'dependents'] as const) {
    const layer = layerOf({ kind: 'graph', edges, relations: false });
    const found = noGrad(() => layer.forward(x, x, { structure: new BatchStructure([tree]) }));
    const [q, k, v] = [query, key, value].map((linear) => noGrad(() => linear.forward(x)).data);
    const slow = slowAttention(q!, k!, v!, {
      ...{ batch: 1, queries: length, keys: length, numHeads: 2, numKvHeads: 2, headDim: 4, valueDim: 4 },
      scale: 0.5,
      sees: (_b, _h, t, s) => edgeOf(edges, tree, t, s) !== undefined,
    });
    const context = tensor(slow.output, [1, length, 8], { device: 'reference' });
    expectNear(found.data, noGrad(() => output.forward(context)).data, 1e-12, edges);
  }
}

/** Two pairs of tokens get the same learned score exactly when their edges have the same direction and relation. */
export function relationsDecideScores(): void {
  const { tree } = sentences[2]!;
  const length = tree.nodes.length;
  const layer = layerOf('graph');
  layer.query.weight.data.fill(0);
  layer.query.bias!.data.fill(0); // products are 0, scores are what is added
  const x = leaf([1, length, 8], 5, 'x');
  const structure = new BatchStructure([tree]);
  const { tensors } = noGrad(() => capture(layer, ['scores'], () => layer.forward(x, x, { structure })));
  const { data } = tensors.get('scores')!;
  const scores = new Map<string, number>();
  for (let t = 0; t < length; t++) {
    for (let s = 0; s < length; s++) {
      const edge = edgeOf('dependencies', tree, t, s);
      if (edge === undefined) continue;
      const score = data[t * length + s]!;
      expect(scores.get(edge) ?? score, edge).toBe(score);
      scores.set(edge, score);
    }
  }
  expect(new Set(scores.values()).size).toBe(scores.size);
}
