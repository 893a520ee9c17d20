/** Taggers through the same Trainer: what they learn, what stands beside a sentence, and what data must be like. */
import '../src/backends/register.ts';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Random } from '../src/core/random.ts';
import { readConll } from '../src/data/conll.ts';
import { validateExperiment } from '../src/train/config/validate.ts';
import { loadLanguageModel, loadTagger } from '../src/train/load-model.ts';
import { trainExperiment } from '../src/train/run.ts';
import { inColumns, taggedSentences, taggingDescription, writeTagged } from './support/tagged-sentences.ts';
import { fingerprint, temporaryFolder, testScores } from './support/tiny-run.ts';

type Over = Parameters<typeof taggingDescription>[1];

async function trained(over: Over = {}, files: Readonly<Record<string, string>> = {}) {
  const folder = temporaryFolder();
  writeTagged(folder);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const run = join(folder, 'run');
  const result = await trainExperiment(validateExperiment(taggingDescription(folder, over)), { folder: run });
  return { folder, run, result };
}

const convTagger = { kind: 'conv-tagger', dModel: 12, numLayers: 2, dropout: 0.1 };

/** Names of two words before "said", one part in four; other words before "fell". The words themselves tell nothing. */
function namesBefore(count: number, seed: number): { tokens: string[]; tags: string[] }[] {
  const random = new Random(seed, 'names-before');
  const word = (): string => `w${random.integer(30)}`;
  const part = (): [string[], string[]] =>
    random.integer(4) === 0
      ? [
          [word(), word(), 'said'],
          ['B-PER', 'E-PER', 'O'],
        ]
      : [
          [word(), word(), 'fell'],
          ['O', 'O', 'O'],
        ];
  return Array.from({ length: count }, () => {
    const parts = Array.from({ length: 4 }, part);
    return { tokens: parts.flatMap(([tokens]) => tokens), tags: parts.flatMap(([, tags]) => tags) };
  });
}

describe('a run', () => {
  test('learns tags that follow from the words around, as far as its window sees (I14)', async () => {
    const { run, result } = await trained();
    // Words that are names tell nothing; "mr" stands one or two words before a name.
    expect(result.metrics.f1).toBeGreaterThan(97);
    expect(result.metrics.accuracy).toBeGreaterThan(99);
    expect(testScores(run)).toEqual(result.metrics);
    expect(result.samples).toHaveLength(3);
    const narrow = await trained({ model: { window: 0 } });
    expect(narrow.result.metrics.f1).toBeLessThan(40);
    const log = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trim().split('\n');
    const validation = log.map((line) => JSON.parse(line)).filter(({ kind }) => kind === 'validation');
    expect(Object.keys(validation[0])).toEqual(
      expect.arrayContaining(['loss', 'accuracy', 'precision', 'recall', 'f1']),
    );
  });

  test.each([1, 2, 3])(
    'of centred convolutions learns what causal ones cannot see (I15), seed %i',
    async (seed) => {
      const parts = { train: 120, validation: 20, test: 30 };
      const files = Object.fromEntries(
        Object.entries(parts).map(([part, count], i) => [
          `${part}.conll`,
          inColumns(namesBefore(count, i + 1)),
        ]),
      );
      const f1 = async (model: object): Promise<number> =>
        (await trained({ model: { ...convTagger, ...model }, training: { seed } }, files)).result.metrics.f1!;
      expect(await f1({})).toBeGreaterThan(97);
      // Whoever sees only what came before has to guess, and most words are no names.
      expect(await f1({ padding: 'causal' })).toBeLessThan(40);
      // Nor does one layer reach the second word on.
      expect(await f1({ numLayers: 1 })).toBeLessThan(40);
    },
  );

  test.each<[string, object]>([
    ['a window (I14)', {}],
    ['convolutions (I15)', convTagger],
  ])('of %s that was cut ends with the same bits', async (_, model) => {
    const folder = temporaryFolder();
    writeTagged(folder);
    const description = taggingDescription(folder, { model, training: { maxSteps: 60 } });
    const experiment = validateExperiment(description);
    const [whole, resumed] = [join(folder, 'whole'), join(folder, 'resumed')];
    await trainExperiment(experiment, { folder: whole });
    const stop = new AbortController();
    await trainExperiment(experiment, {
      folder: resumed,
      signal: stop.signal,
      onEvent: (event) => {
        if (event.type === 'step' && event.step >= 40) stop.abort();
      },
    });
    await trainExperiment(experiment, { folder: resumed, resume: true });
    expect(fingerprint(resumed)).toEqual(fingerprint(whole));
    expect(testScores(resumed)).toEqual(testScores(whole));
  });

  test('takes tags that stand for no spans', async () => {
    const plain = taggedSentences(60, 4).map(({ tokens, tags }) => ({
      tokens,
      tags: tags.map((tag) => tag.replace(/-.*/, 'X')),
    }));
    const evaluation = { selectBy: 'accuracy' };
    const data = { validation: 'plain.conll', test: 'plain.conll', train: 'plain.conll' };
    const files = { 'plain.conll': inColumns(plain) };
    const { result } = await trained({ data, evaluation }, files);
    expect(Object.keys(result.metrics)).toEqual(['loss', 'accuracy']);
    await expect(trained({ data }, files)).rejects.toThrow(
      'evaluation.selectBy: expected one of loss, accuracy, because these tags stand for no spans, got "f1"',
    );
  });
});

describe('a tagger', () => {
  test('tags a sentence as it does beside others, and nothing as nothing', async () => {
    const { run, result } = await trained({ training: { maxSteps: 40 } });
    const tagger = await loadTagger(run);
    const sentences = taggedSentences(40, 9).map(({ tokens }) => tokens);
    const together = tagger.tag([...sentences, [], ['unseen']]);
    expect(together.slice(0, 40)).toEqual(sentences.map((tokens) => tagger.tag([tokens])[0]));
    expect(together[40]).toEqual({ tokens: [], tags: [], spans: [] });
    expect(together[41]!.tags).toHaveLength(1);
    const { source, hypothesis } = result.samples[0]!;
    expect(tagger.tag([source.split(' ')])[0]!.tags.join(' ')).toBe(hypothesis);
    expect(together.flatMap(({ tags }) => tags).filter((tag) => tag.startsWith('<'))).toEqual([]);
    await expect(loadLanguageModel(run)).rejects.toThrow(
      /expected a language model, got kind "window-tagger"; .*this one is run by heed tag/,
    );
  });
});

describe('data that cannot be used', () => {
  const mistake = async (files: Readonly<Record<string, string>>, message: RegExp): Promise<void> => {
    await expect(trained({ training: { maxSteps: 1 } }, files)).rejects.toThrow(message);
  };

  test.each<[string, Record<string, string>, RegExp]>([
    [
      'a missing column',
      { 'train.conll': 'a O\nb\n\nc O\n' },
      /train.conll:2: expected at least 2 columns, got 1; hint: a line is a token and its tags/,
    ],
    [
      'another number of columns',
      { 'train.conll': 'a O\nb O\n\nc NN O\n' },
      /train.conll:4: expected 2 columns, as the first line has, got 3/,
    ],
    [
      'an empty cell',
      { 'train.conll': 'a\tO\n\tO\n' },
      /train.conll:2: expected a token and a tag, got "\\tO"/,
    ],
    [
      'a tag that training has not seen',
      { 'test.conll': 'a O\n\nb O\nc B-ORG\n' },
      /test.conll:4: expected a tag of the training data, got "B-ORG"; hint: known from training are .*B-PER/,
    ],
    ['no sentence', { 'train.conll': '\n\n' }, /train.conll: expected sentences to train on, got none/],
  ])('%s', (_, files, message) => mistake(files, message));

  test('a file that is not there', async () => {
    await expect(trained({ data: { test: 'nope.conll' } })).rejects.toThrow(/nope.conll/);
  });

  test.each<[string, Over, RegExp]>([
    [
      'a model of pairs',
      { model: { kind: 'nat' } },
      /model.kind: expected one of window-tagger, conv-tagger for tagged/,
    ],
    [
      'a metric of texts',
      { evaluation: { metrics: ['bleu'], selectBy: 'loss' } },
      /metrics: expected none: a tagger/,
    ],
    [
      'a score that is none',
      { evaluation: { selectBy: 'bleu' } },
      /selectBy: expected one of loss, accuracy/,
    ],
    [
      'pieces of tokens',
      { tokenizer: { source: { kind: 'char' }, target: { kind: 'word' } } },
      /tokenizer.source.kind: expected word: one id for each, got "char"/,
    ],
    [
      'one vocabulary',
      { tokenizer: { shared: { kind: 'word' } } },
      /tokenizer: expected `source` for the tokens/,
    ],
    ['one column', { data: { tag: 0 } }, /data.tag: expected another column than that of the tokens \(0\)/],
  ])('%s', (_, over, message) => {
    const description = taggingDescription('.', over);
    expect(() => validateExperiment(description)).toThrow(message);
  });
});

describe('columns', () => {
  test('are chosen, cut at tabs or spaces, and sentences between documents left out', () => {
    const folder = temporaryFolder();
    const file = join(folder, 'a.conll');
    writeFileSync(file, '-DOCSTART- -X- O\n\nRome NNP B-LOC\nis VBZ O\n\n\nin IN O\n');
    expect(readConll(file)).toEqual([
      { tokens: ['Rome', 'is'], tags: ['B-LOC', 'O'], line: 3 },
      { tokens: ['in'], tags: ['O'], line: 7 },
    ]);
    expect(readConll(file, { tag: 1 })[0]!.tags).toEqual(['NNP', 'VBZ']);
    writeFileSync(file, 'New York\tB-LOC\n');
    expect(readConll(file)).toEqual([{ tokens: ['New York'], tags: ['B-LOC'], line: 1 }]);
  });
});
