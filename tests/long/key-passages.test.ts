/** What a model can answer of texts that are cut to their key passages, in training and in use (inventory L2). */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { LengthPolicyChoice } from '../../src/data/length-policy.ts';
import { attentionScores, selectPassages, splitPassages } from '../../src/data/passages.ts';
import { capture, noGrad, Random, scope, Transformer, trainTokenizer } from '../../src/index.ts';
import { validateExperiment } from '../../src/train/config/validate.ts';
import { trainExperiment } from '../../src/train/run.ts';
import { needDevice } from '../support/devices.ts';
import { plantedStory, story, storyPlaces } from '../support/stories.ts';
import { temporaryFolder } from '../support/tiny-run.ts';
import { trainOnPairs } from '../support/train-pairs.ts';

/** Tokens that the model sees of a text of more than two hundred: two of 21 sentences. */
const ROOM = 24;
const sizes = { dModel: 32, dFf: 64, numHeads: 4, numEncoderLayers: 1, numDecoderLayers: 1, dropout: 0 };

/** Texts with the place that one of their sentences names. */
const sorts = {
  outlier: (seed: number) => story(seed, { fillers: 20, from: 0, to: 20 }),
  summary: (seed: number) => {
    const answer = storyPlaces[new Random(seed, 'places').integer(storyPlaces.length)]!;
    return { ...plantedStory(seed, 'summary', { fillers: 20, answer }), answer };
  },
};

/** Share of a hundred new texts, none of them cut by the test, whose place is named. */
async function shareRight(
  sort: keyof typeof sorts,
  tooLong: LengthPolicyChoice,
  seed: number,
): Promise<number> {
  const folder = temporaryFolder();
  const lines = Array.from({ length: 700 }, (_, number) => {
    const { text, answer } = sorts[sort](number);
    return `${text.trim()}\t${answer}\n`;
  });
  const part = (name: string, own: readonly string[]): object => {
    writeFileSync(join(folder, name), own.join(''));
    return { format: 'tsv', path: join(folder, name) };
  };
  const limits = { maxSourceLength: ROOM, maxTargetLength: 2, maxTokens: 1024, tooLong };
  const experiment = validateExperiment({
    name: 'passages',
    data: {
      train: part('train.tsv', lines.slice(0, 600)),
      test: part('test.tsv', lines.slice(600)),
      ...limits,
    },
    tokenizer: { shared: { kind: 'word', preTokenizer: 'punctuation', minFrequency: 5 } },
    model: { ...sizes, maxSeqLen: ROOM + 1 },
    training: {
      ...{ seed, maxSteps: 120, learningRate: 0.01, schedule: 'cosine', warmupSteps: 6, clipNorm: 1 },
      labelSmoothing: 0,
    },
    evaluation: { metrics: ['exact-match'], samples: 0 },
  });
  const { metrics } = await trainExperiment(experiment, { folder: join(folder, 'run') });
  return metrics['exact-match']! / 100;
}

const truncations = ['head', 'tail', 'head-tail'] as const;

test.for([
  ['outlier', 'tf-idf'],
  ['summary', 'textrank'],
] as const)(
  'the sentence (%s) that %s picks says more than any part of the text that is cut off (L2)',
  async ([sort, selector], context) => {
    needDevice(context, 'native');
    for (const seed of [1, 2, 3]) {
      const passages = await shareRight(sort, { kind: 'key-passages', selector }, seed);
      const cut = new Map<string, number>();
      for (const mode of truncations) cut.set(mode, await shareRight(sort, mode, seed));
      const figures = [[selector, passages] as const, ...cut].map(
        ([name, share]) => `${name} ${Math.round(100 * share)} %`,
      );
      console.log(`${sort}, seed ${seed}: ${figures.join(', ')}`);
      for (const [mode, share] of cut) expect(passages, mode).toBeGreaterThan(share + 0.2);
    }
  },
);

/**
 * How much of each source token is in each target token: the cross-attention after the encoder's, whose residual is half of
 * what a token becomes (attention rollout, Abnar & Zuidema 2020, https://arxiv.org/abs/2005.00928), `[T, S]`.
 */
function rolledOut(model: Transformer, source: readonly number[], target: readonly number[]) {
  const row = (ids: readonly number[]) => ({ ids: Int32Array.from(ids), lengths: [ids.length] });
  const paths = [
    'encoder.layers.0.selfAttention.weights',
    'decoder.layers.0.crossAttention.weights',
  ] as const;
  const { tensors } = noGrad(() =>
    scope(() => capture(model, paths, () => model.forwardPacked(row(source), row(target)).dispose())),
  );
  const [S, T] = [source.length, target.length];
  /** Mean over the heads of `[1, H, rows, S]`. */
  const meanOf = (path: string, rows: number): number[] => {
    const { data, shape } = tensors.get(path)!;
    const heads = shape[1]!;
    const size = rows * S;
    return Array.from({ length: size }, (_, i) => {
      let sum = 0;
      for (let h = 0; h < heads; h++) sum += data[h * size + i]!;
      return sum / heads;
    });
  };
  const [own, cross] = [meanOf(paths[0], S), meanOf(paths[1], T)];
  const data = Array.from({ length: T * S }, (_, i) => {
    const [t, s] = [Math.floor(i / S), i % S];
    let sum = cross[i]! / 2;
    for (let k = 0; k < S; k++) sum += (cross[t * S + k]! * own[k * S + s]!) / 2;
    return sum;
  });
  for (const tensor of tensors.values()) tensor.dispose();
  return { shape: [T, S], data };
}

test.for([1, 2, 3])(
  'the sentence that a trained model looks at is the one that says the answer (L2), seed %i',
  (seed, context) => {
    needDevice(context, 'native');
    const stories = Array.from({ length: 700 }, (_, number) => story(number, { fillers: 4, from: 0, to: 4 }));
    const [learned, asked] = [stories.slice(0, 600), stories.slice(600)];
    const words = trainTokenizer(
      { kind: 'word', preTokenizer: 'punctuation', minFrequency: 5 },
      learned.flatMap(({ text, answer }) => [text, answer]),
    );
    const tokenizers = { source: words, target: words };
    const vocabulary = { sourceVocabSize: words.vocabSize, targetVocabSize: words.vocabSize };
    const config = { ...sizes, ...vocabulary, maxSeqLen: 64 };
    const model = new Transformer(config, { random: new Random(seed, 'init'), device: 'native' });

    /** Share of the new stories whose planted sentence is among those that the first answer token rests on. */
    const recallOf = (budget: number): number => {
      const hits = asked.filter(({ text, answer, planted }) => {
        const passages = splitPassages(text).map((passage) => passage.text);
        const lengths = passages.map((passage) => words.encode(passage).length);
        const ids = [...words.encode(text), words.specialTokens.eos];
        const weights = rolledOut(model, ids, [words.specialTokens.bos, ...words.encode(answer)]);
        const scores = attentionScores(weights, [...lengths, 1]).slice(0, -1);
        return selectPassages(scores, lengths, budget).some((place) => passages[place] === planted);
      });
      return hits.length / asked.length;
    };

    const budgets = [11, 22, 33];
    const before = budgets.map(recallOf);
    const pairs = learned.map(({ text, answer }) => ({
      source: words.encode(text),
      target: words.encode(answer),
    }));
    trainOnPairs(model, pairs, tokenizers, 200, { learningRate: 0.01, maxTokens: 1024, training: { seed } });
    const after = budgets.map(recallOf);
    console.log(
      `seed ${seed}: recall with ${budgets.join(', ')} tokens ${after.join(', ')}, untrained ${before.join(', ')}`,
    );
    expect(after[0]).toBeGreaterThan(0.75);
    // Truncation keeps the sentence where the budget reaches it: one, two or three of five.
    for (const [i, share] of after.entries()) expect(share).toBeGreaterThan((i + 1) / 5 + 0.1);
    expect(before[0]).toBeLessThan(after[0]! - 0.2);
  },
);
