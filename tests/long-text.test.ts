/** Texts longer than a model: cut, picked from, or read in segments. */
import '../src/backends/register.ts';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  attentionScores,
  selectPassages,
  splitPassages,
  textRankScores,
  tfIdfScores,
  wordsOf,
} from '../src/data/passages.ts';
import { attend, encodeSegments, noGrad, Random, splitSegments, tensor } from '../src/index.ts';
import { validateExperiment } from '../src/train/config/validate.ts';
import { trainExperiment } from '../src/train/run.ts';
import { itOnEachDevice, roundingOf } from './support/devices.ts';
import { tinyModel } from './support/models.ts';
import { expectNear, idTensor } from './support/numbers.ts';
import { headScores, story } from './support/stories.ts';
import { temporaryFolder } from './support/tiny-run.ts';

/** The share of stories whose planted sentence is among the chosen ones. */
function recall(
  choose: (passages: readonly string[], query: string, budget: number) => number[],
  budget: number,
): number {
  const seeds = Array.from({ length: 40 }, (_, i) => i);
  const hits = seeds.filter((seed) => {
    const { text, planted, query } = story(seed);
    const passages = splitPassages(text).map((passage) => passage.text);
    return choose(passages, query, budget).some((i) => passages[i] === planted);
  });
  return hits.length / seeds.length;
}

const sizesOf = (passages: readonly string[]): number[] => passages.map((text) => wordsOf(text).length);
const byScore =
  (scores: (passages: readonly string[], query: string) => number[]) =>
  (passages: readonly string[], query: string, budget: number): number[] =>
    selectPassages(scores(passages, query), sizesOf(passages), budget);
/** The beginning, as far as the budget goes. */
const head = byScore(headScores);

describe('key passages', () => {
  const budgets = [15, 60, 200];
  it.each<[string, (passages: readonly string[], query: string) => number[]]>([
    ['TF-IDF', (passages) => tfIdfScores(passages)],
    ['TF-IDF with a query', tfIdfScores],
  ])('%s finds the planted sentence at every budget; the beginning of the text lacks it', (_, scores) => {
    for (const budget of budgets) expect(recall(byScore(scores), budget), `budget ${budget}`).toBe(1);
    expect(recall(head, 60)).toBe(0);
    expect(recall(head, 200)).toBeLessThan(0.1);
  });

  it('TextRank finds the sentence that the others resemble; the outlier comes last', () => {
    const passages = [
      'Cats chase mice at night.',
      'Mice fear cats, and cats chase mice at night in the barn.',
      'In the barn mice hide at night.',
      'Stocks fell sharply.',
    ];
    const scores = textRankScores(passages);
    expect(scores.indexOf(Math.max(...scores))).toBe(1);
    expect(scores[3]).toBeCloseTo(0.15, 9); // nobody votes for it
    // The scores solve the paper's equation: checked by power iteration on the same graph, written as a matrix.
    const words = passages.map(wordsOf);
    const weight = (i: number, j: number): number => {
      const shared = [...new Set(words[i])].filter((word) => words[j]!.includes(word)).length;
      return i === j ? 0 : shared / (Math.log(words[i]!.length) + Math.log(words[j]!.length));
    };
    for (const i of [0, 1, 2]) {
      const votes = [0, 1, 2].map((j) => {
        const all = [0, 1, 2].reduce((sum, k) => sum + weight(j, k), 0);
        return (weight(j, i) / all) * scores[j]!;
      });
      expect(scores[i]).toBeCloseTo(0.15 + 0.85 * votes.reduce((a, b) => a + b, 0), 8);
    }
  });

  it('attention finds the passage that a query looks at', () => {
    const random = new Random(5, 'vectors');
    const width = 16;
    for (let planted = 0; planted < 6; planted++) {
      const lengths = [3, 5, 2, 4, 6, 3];
      const keys = Float64Array.from({ length: 23 * width }, () => random.normal());
      const first = lengths.slice(0, planted).reduce((a, b) => a + b, 0);
      const query = keys.slice(first * width, (first + 1) * width).map((x) => 2 * x);
      const options = { device: 'reference' } as const;
      const memory = tensor(keys, [1, 23, width], options);
      const { weights } = attend(tensor(query, [1, 1, width], options), memory, memory);
      const scores = attentionScores(weights, lengths);
      expect(selectPassages(scores, lengths, lengths[planted]!)).toContain(planted);
      const mass = scores.reduce((sum, score, i) => sum + score * lengths[i]!, 0);
      expect(mass).toBeCloseTo(1, 9);
    }
    expect(() => attentionScores({ shape: [1, 4], data: [1, 0, 0, 0] }, [1, 2])).toThrow(
      'attentionScores: expected lengths of 4 keys, got 3 in 2 passages',
    );
  });

  it('are cut without loss, in any script', () => {
    const text = fc
      .array(fc.constantFrom('Yes. ', 'No!', '好。', '\n', 'a b', '?” ', '…', ' ', '3.5'))
      .map((x) => x.join(''));
    fc.assert(
      fc.property(fc.oneof(text, fc.string()), (whole) => {
        const passages = splitPassages(whole);
        expect(passages.map((passage) => passage.text).join('')).toBe(whole);
        for (const passage of passages) expect(whole.startsWith(passage.text, passage.start)).toBe(true);
      }),
    );
    expect(splitPassages('One. Two! 三。四').map((passage) => passage.text)).toEqual([
      'One. ',
      'Two! ',
      '三。',
      '四',
    ]);
  });

  it('never go beyond the budget, and come in the order of the text', () => {
    const scored = fc.array(fc.tuple(fc.double({ noNaN: true }), fc.integer({ min: 0, max: 9 })));
    fc.assert(
      fc.property(scored, fc.integer({ min: 0, max: 30 }), (list, budget) => {
        const sizes = list.map(([, size]) => size);
        const chosen = selectPassages(
          list.map(([score]) => score),
          sizes,
          budget,
        );
        expect(chosen.reduce((sum, i) => sum + sizes[i]!, 0)).toBeLessThanOrEqual(budget);
        expect(chosen).toEqual([...new Set(chosen)].toSorted((a, b) => a - b));
      }),
    );
  });
});

describe('segments', () => {
  it('joined are the text', () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), fc.integer({ min: 1, max: 9 }), (tokens, length) => {
        const segments = splitSegments(tokens, length);
        expect(segments.flat()).toEqual(tokens);
        expect(segments.every((segment) => segment.length <= length && segment.length > 0)).toBe(true);
      }),
    );
    expect(() => splitSegments([1], 0)).toThrow('length: expected a positive whole number, got 0');
  });

  itOnEachDevice('in one pass equal separate runs, and are pooled', (device) => {
    const model = tinyModel({}, device).eval();
    const ids = [3, 1, 4, 1, 5, 2, 6, 5, 3, 5, 8];
    noGrad(() => {
      const apart = splitSegments(ids, 4).flatMap((part) => [...model.encode(idTensor([part], device)).data]);
      const width = model.config.dModel;
      for (const pooling of ['mean', 'max'] as const) {
        const { tokens, pooled, lengths } = encodeSegments(model, ids, { length: 4, pooling });
        expect(lengths).toEqual([4, 4, 3]);
        expectNear(tokens.data, apart, roundingOf(device), 'tokens');
        const columns = Array.from({ length: width }, (_, c) => apart.filter((_x, i) => i % width === c));
        const wanted = columns.map((column) =>
          pooling === 'max' ? Math.max(...column) : column.reduce((a, b) => a + b, 0) / column.length,
        );
        expectNear(pooled.data, wanted, roundingOf(device), pooling);
      }
    });
  });

  it('refuses what the model cannot take', () => {
    const model = tinyModel();
    expect(() => encodeSegments(model, [], { length: 4 })).toThrow(
      'encodeSegments: expected at least one token',
    );
    expect(() => encodeSegments(model, [1], { length: 99 })).toThrow('at most 16 tokens (maxSeqLen), got 99');
  });
});

/** The share of held-out texts whose label is said; the label is the letter at the text's end. */
async function accuracy(tooLong: string): Promise<number> {
  const folder = temporaryFolder();
  const random = new Random(3, 'labels');
  const letter = (): string => 'abcd'[random.integer(4)]!;
  const lines = Array.from({ length: 500 }, () => {
    const text = Array.from({ length: 12 }, letter).join('');
    return `${text}\t${text.at(-1)}\n`;
  });
  writeFileSync(join(folder, 'train.tsv'), lines.slice(0, 400).join(''));
  // Held-out texts are short enough already: what is measured is what training could see of their like.
  const cut = (line: string): string => {
    const [text, label] = line.trim().split('\t') as [string, string];
    return `${tooLong === 'tail' ? text.slice(-6) : text.slice(0, 6)}\t${label}\n`;
  };
  writeFileSync(join(folder, 'test.tsv'), lines.slice(400).map(cut).join(''));
  const sizes = { dModel: 32, dFf: 64, numHeads: 2, numEncoderLayers: 1, numDecoderLayers: 1, maxSeqLen: 16 };
  const part = (name: string): object => ({ format: 'tsv', path: join(folder, `${name}.tsv`) });
  const experiment = validateExperiment({
    name: 'cut',
    data: {
      train: part('train'),
      test: part('test'),
      maxSourceLength: 6,
      maxTargetLength: 6,
      maxTokens: 448,
      tooLong,
    },
    tokenizer: { shared: { kind: 'char' } },
    model: { ...sizes, dropout: 0 },
    training: {
      maxSteps: 150,
      learningRate: 0.005,
      schedule: 'constant',
      warmupSteps: 10,
      labelSmoothing: 0,
    },
    evaluation: { metrics: ['exact-match'], samples: 0 },
  });
  const { metrics } = await trainExperiment(experiment, { folder: join(folder, 'run') });
  return metrics['exact-match']! / 100;
}

describe('a label at the end of texts that are too long', () => {
  it('is learned when the end is kept, and left to chance when it is cut', async () => {
    expect(await accuracy('tail')).toBeGreaterThan(0.95);
    expect(await accuracy('head')).toBeLessThan(0.25 + 0.2);
  });
});
