/**
 * How many heads attention within texts and attention between them need, in translation (inventory Q21): trained with a
 * number of heads, and trained with eight of which only the most important one stays.
 *
 * Papers: Vaswani et al. 2017, table 3 (A), https://arxiv.org/abs/1706.03762; Michel, Levy & Neubig, Are Sixteen Heads
 * Really Better than One?, 2019, §3 and §5, https://arxiv.org/abs/1905.10650
 */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { TokenPair } from '../../src/data/batching.ts';
import type { Tokenizers } from '../../src/generate/translator.ts';
import { headImportance, pruneHeads, Random, Transformer, type TransformerConfig } from '../../src/index.ts';
import { trainTokenizer } from '../../src/tokenizers/train.ts';
import { needDevice } from '../support/devices.ts';
import { needData } from '../support/shared-data.ts';
import { batchesOf, meanLoss, trainOnPairs } from '../support/train-pairs.ts';

const SEEDS = [1, 2, 3, 4, 5];
const HEADS = [1, 2, 4, 8, 16];
/** Heads of the layers that an arm does not change, and of those that are pruned. */
const PLAIN = 8;
const STEPS = 1000;
const MAX_TOKENS = 1024;
const LONGEST = 24;
const IMPORTANCE_BATCHES = 8;

type Change = Partial<TransformerConfig>;

const roles = {
  'within texts': (numHeads: number): Change => ({ attention: { kind: 'multi-head', numHeads } }),
  'between texts': (numHeads: number): Change => ({ crossAttention: { kind: 'multi-head', numHeads } }),
};
type Role = keyof typeof roles;

/** Attention layers by the end of their paths. */
const layersOf: Readonly<Record<Role, string>> = {
  'within texts': 'selfAttention',
  'between texts': 'crossAttention',
};

interface Task {
  readonly tokenizers: Tokenizers;
  readonly learned: readonly TokenPair[];
  readonly unseen: readonly TokenPair[];
}

/** Captions of Multi30k, English and German. */
function captions(raw: string): Task {
  const lines = (split: string, language: string): string[] =>
    readFileSync(`${raw}/${split}.${language}`, 'utf8').trim().split('\n');
  const pieces = (language: string) =>
    trainTokenizer({ kind: 'bpe', vocabSize: 1000 }, lines('train', language));
  const tokenizers = { source: pieces('en'), target: pieces('de') };
  const pairs = (split: string): TokenPair[] => {
    const targets = lines(split, 'de');
    return lines(split, 'en')
      .map((line, i) => ({
        source: tokenizers.source.encode(line),
        target: tokenizers.target.encode(targets[i]!),
      }))
      .filter((pair) => Math.max(pair.source.length, pair.target.length) <= LONGEST);
  };
  return { tokenizers, learned: pairs('train'), unseen: pairs('val') };
}

function trained({ tokenizers, learned }: Task, change: Change, seed: number): Transformer {
  const vocabularies = {
    sourceVocabSize: tokenizers.source.vocabSize,
    targetVocabSize: tokenizers.target.vocabSize,
  };
  const sizes = { dModel: 64, dFf: 128, numHeads: PLAIN, numEncoderLayers: 2, numDecoderLayers: 2 };
  const model = new Transformer(
    { ...vocabularies, ...sizes, maxSeqLen: LONGEST + 2, dropout: 0.1, ...change },
    { random: new Random(seed, 'init'), device: 'native' },
  );
  trainOnPairs(model, learned, tokenizers, STEPS, { maxTokens: MAX_TOKENS, training: { seed } });
  return model;
}

/** A model of which one kind of attention keeps the most important head of each layer. */
function withOneHead(model: Transformer, role: Role, { learned, tokenizers }: Task): Transformer {
  const order = { seed: 1, epoch: 0, shuffle: true };
  const batches = batchesOf(learned, tokenizers, MAX_TOKENS, order).slice(0, IMPORTANCE_BATCHES);
  const options = { ignoreIndex: tokenizers.target.specialTokens.pad, labelSmoothing: 0 };
  const importance = headImportance(
    model,
    batches.map(
      ({ source, input, labels }) =>
        () =>
          model.losses(source, input, labels, options),
    ),
  );
  const others = (each: Float64Array): number[] =>
    [...each.keys()].filter((head) => head !== each.indexOf(Math.max(...each)));
  const layers = [...importance].filter(([path]) => path.endsWith(layersOf[role]));
  return pruneHeads(model, Object.fromEntries(layers.map(([path, each]) => [path, others(each)])));
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

test('heads within texts and between them, by training and by pruning (E16, Q21)', (context) => {
  needDevice(context, 'native');
  const task = captions(needData(context, 'multi30k/raw'));
  const lossOf = (model: Transformer): number => meanLoss(model, task.unseen, task.tokenizers, MAX_TOKENS);
  const tell = (arm: string, losses: readonly number[]): number => {
    console.log(`${arm}: ${losses.map((loss) => loss.toFixed(3)).join(', ')} nats`);
    return mean(losses);
  };
  const whole = SEEDS.map((seed) => trained(task, {}, seed));
  const plain = tell(`${PLAIN} heads`, whole.map(lossOf));
  const pruned = (role: Role): number[] => {
    const losses = whole.map((model) => lossOf(withOneHead(model, role, task)));
    tell(`only the most important head ${role}, of ${PLAIN}`, losses);
    return losses;
  };
  const [prunedWithin, prunedBetween] = [pruned('within texts'), pruned('between texts')];
  const byHeads = (role: Role): Map<number, number> =>
    new Map(
      HEADS.map((heads) => {
        if (heads === PLAIN) return [heads, plain];
        const losses = SEEDS.map((seed) => lossOf(trained(task, roles[role](heads), seed)));
        return [heads, tell(`trained with ${heads} heads ${role}`, losses)];
      }),
    );
  const [within, between] = [byHeads('within texts'), byHeads('between texts')];

  // As Michel et al. found: a trained model depends on several heads between texts more than within them, though those
  // are in twice as many layers.
  prunedBetween.forEach((loss, i) => {
    expect(loss).toBeGreaterThan(prunedWithin[i]!);
  });
  // As both found: more than four heads gain nothing.
  for (const losses of [within, between]) {
    expect(losses.get(8)!).toBeGreaterThan(losses.get(4)! - 0.01);
    expect(losses.get(16)!).toBeGreaterThan(losses.get(4)!);
  }
  // What is trained with one head is worse within texts, and not between them.
  expect(within.get(1)! - within.get(4)!).toBeGreaterThan(0.05);
  expect(between.get(1)! - between.get(4)!).toBeLessThan(0.02);
});
