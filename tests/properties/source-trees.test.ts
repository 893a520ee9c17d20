/** Models that look at the trees of their sources: inventory D8, E21. */
import { describe, expect, it } from 'vitest';
import {
  BatchStructure,
  ConfigError,
  noGrad,
  Random,
  structureOf,
  type TransformerConfig,
  TreeDistanceScores,
  tensor,
  trainTokenizer,
  treeDistances,
  withEndToken,
} from '../../src/index.ts';
import { makeBatch } from '../../src/train/seq2seq.ts';
import { onEveryDevice, relationsDecideScores, treeEdgesEqualLoops } from '../support/checks/source-trees.ts';
import { tinyModel } from '../support/models.ts';
import { expectNear, leaf, rowOf } from '../support/numbers.ts';

const choices: readonly Partial<TransformerConfig>[] = [
  { encoderPosition: 'structural' },
  { encoderPosition: { kind: 'structural', order: false, maxDistance: 2 } },
  { encoderPosition: { kind: 'structural', depths: false } },
  { encoderPosition: { kind: 'structural', distances: false } },
  { encoderAttention: 'graph' },
  { encoderAttention: { kind: 'graph', edges: 'heads', relations: false } },
  { encoderAttention: 'graph', encoderPosition: 'structural' },
  { encoderAttention: 'talking-heads', encoderPosition: 'structural' },
  { encoderAttention: { kind: 'local', left: 2, right: 1 }, encoderPosition: 'structural' },
];

describe.each(choices.map((config) => [JSON.stringify(config), config] as const))('%s', (_, config) => {
  it('reads a text the same alone, packed and padded beside others, on every device', (context) =>
    onEveryDevice(context, config));
});

describe('edges of trees (E21)', () => {
  it('are loops over the pairs that have one', treeEdgesEqualLoops);
  it('add one learned number for each relation and direction', relationsDecideScores);
});

/** A sentence and its words in another order. */
const heads = [1, -1, 3, 1, 3];
const order = [4, 2, 0, 1, 3];
const turned = order.map((word) => (heads[word] === -1 ? -1 : order.indexOf(heads[word]!)));
const relations = ['nsubj', 'root', 'det', 'obj', 'amod'];

it.each([
  { encoderPosition: { kind: 'structural', order: false } },
  { encoderPosition: 'none', encoderAttention: 'graph' },
] as const)('%j: words in another order are understood the same', (config) => {
  const model = tinyModel(config).eval();
  const words = [5, 3, 8, 4, 6];
  const memory = (ids: readonly number[], tree: readonly number[], names: readonly string[]) => {
    const structure = { nodes: [...tree.keys()], heads: tree, relations: names };
    const source = tensor([...ids], [1, 5], { dtype: 'int32', device: 'reference' });
    return noGrad(() => model.encode(source, null, 0, new BatchStructure([structure]))).data;
  };
  const other = memory(
    order.map((word) => words[word]!),
    turned,
    order.map((word) => relations[word]!),
  );
  const plain = memory(words, heads, relations);
  expectNear(
    other,
    order.flatMap((word) => rowOf(plain, word, 8)),
    1e-12,
  );
  const chain = memory(words, [-1, 0, 1, 2, 3], relations);
  expect(Math.abs(chain[0]! - plain[0]!)).toBeGreaterThan(1e-3);
});

describe('pieces of words (D8)', () => {
  const tree = { words: ['unter', 'tage', 'arbeiter'], heads: [2, 0, -1], relations: ['a', 'b', 'root'] };
  const text = 'unter tage arbeiter';

  it.each([
    { kind: 'char' },
    { kind: 'word' },
    { kind: 'bpe', numMerges: 6, minFrequency: 1 },
    { kind: 'bpe', preTokenizer: 'byteLevel', vocabSize: 265, minFrequency: 1 },
    { kind: 'bpe', preTokenizer: 'metaspace', numMerges: 5, minFrequency: 1 },
    { kind: 'wordpiece', numMerges: 6, minFrequency: 1 },
    { kind: 'unigram', vocabSize: 24 },
  ] as const)('of %j share the node of their word', (config) => {
    const tokenizer = trainTokenizer(config, [text, text]);
    const ids = tokenizer.encode(text);
    const structure = structureOf(tokenizer, tree);
    expect(structure!.nodes).toHaveLength(ids.length);
    expect(structure!.nodes).toEqual(structure!.nodes.toSorted());
    for (const [n, word] of tree.words.entries()) {
      const own = ids.filter((_, i) => structure!.nodes[i] === n);
      expect(tokenizer.decode(own).trim()).toBe(word);
    }
  });

  it('are 0 edges apart and as far from other words as their word', () => {
    const context = { random: new Random(1, 'd'), device: 'reference' };
    const scores = new TreeDistanceScores({ numHeads: 1, maxDistance: 9 }, context);
    scores.weight.data.set(Array.from({ length: 10 }, (_, distance) => distance));
    const structure = new BatchStructure([{ nodes: [0, 0, 1, 2, 2], heads: tree.heads, relations: [] }]);
    const sizes = { queries: 5, keys: 5, sequences: 1, scale: 1 };
    const { bias } = scores.within(structure).scores!(leaf([1, 5, 2], 1, 'q'), sizes);
    const nodes = [0, 0, 1, 2, 2];
    const all = treeDistances(tree.heads);
    expect(Array.from(bias!.data)).toEqual(nodes.flatMap((a) => nodes.map((b) => all[a * 3 + b])));
  });

  it('travel into a batch with an end token below the root', () => {
    const tokenizer = trainTokenizer({ kind: 'word' }, [text]);
    const ids = tokenizer.encode(text);
    const structure = structureOf(tokenizer, tree);
    const pair = { source: ids, target: [4], structure: structure! };
    const tokenizers = { source: tokenizer, target: tokenizer };
    const { source } = makeBatch([pair, pair], tokenizers);
    expect(source.structures).toEqual([withEndToken(structure!), withEndToken(structure!)]);
    expect(withEndToken(structure!)).toEqual({
      nodes: [0, 1, 2, 3],
      heads: [2, 0, -1, 2],
      relations: ['a', 'b', 'root', 'end'],
    });
    expect(makeBatch([pair, { source: ids, target: [4] }], tokenizers).source.structures).toBeUndefined();
  });
});

describe('a model without trees, or with them in the wrong place', () => {
  const source = () => tensor([3, 4], [1, 2], { dtype: 'int32', device: 'reference' });

  it.each([{ encoderPosition: 'structural' }, { encoderAttention: 'graph' }] as const)(
    '%j asks for CoNLL-U',
    (config) => {
      const model = tinyModel(config);
      expect(model.readsTrees).toBe(true);
      expect(() => model.encode(source())).toThrow(ConfigError);
      expect(() => model.encode(source())).toThrow(/expected sources with dependency trees.*CoNLL-U/);
    },
  );

  it.each([
    [{ position: 'structural' }, 'position: structural: the text that a decoder writes has no tree yet'],
    [{ decoderPosition: 'structural' }, 'decoderPosition: structural: the text that'],
    [{ attention: 'graph' }, 'attention: graph: only sources have trees'],
    [{ crossAttention: 'graph' }, 'crossAttention: graph: only sources have trees'],
    [
      { encoderPosition: { kind: 'structural', depths: false, distances: false } },
      'encoderPosition: structural: expected depths, distances or both',
    ],
    [
      { encoderAttention: 'linear', encoderPosition: 'structural' },
      'encoderAttention: linear: position structural adds to scores',
    ],
  ] as const)('%j is refused', (config, message) => {
    expect(() => tinyModel(config)).toThrow(ConfigError);
    expect(() => tinyModel(config)).toThrow(message);
  });
});
