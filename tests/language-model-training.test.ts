/** Language models through the same Trainer: every kind learns a text, and a run that is cut goes on bit for bit. */
import '../src/backends/register.ts';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { SegmentMemory } from '../src/models/segment-memory.ts';
import { newestCheckpoint } from '../src/train/checkpoint.ts';
import { validateExperiment } from '../src/train/config/validate.ts';
import type { TrainingEvent } from '../src/train/events.ts';
import { loadModel } from '../src/train/load-model.ts';
import { trainExperiment } from '../src/train/run.ts';
import { patch } from './support/mutants/mutant.ts';
import { fingerprint, temporaryFolder, testScores } from './support/tiny-run.ts';
import { textDescription, textExperiment, textModels, writeText } from './support/tiny-text-run.ts';

/** Trains and returns the validation losses by step. */
async function losses(...args: Parameters<typeof textExperiment>) {
  const found: number[] = [];
  const run = join(temporaryFolder(), 'run');
  const onEvent = (event: TrainingEvent): void => {
    if (event.type === 'validation') found.push(event.metrics.loss!);
  };
  const result = await trainExperiment(textExperiment(...args), { folder: run, onEvent });
  return { run, found, result };
}

describe('a run', () => {
  test.each(Object.entries(textModels))('of kind %s learns', async (_, model) => {
    const text = writeText(temporaryFolder(), 1);
    const { run, found, result } = await losses(text, model, { training: { maxSteps: 80 } });
    // Without looking at the letter before, eight letters cost ln 8.
    expect(found.at(-1)).toBeLessThan(0.75 * Math.log(8));
    const { loss, perplexity, bitsPerCharacter } = result.metrics as Record<string, number>;
    expect(perplexity).toBeCloseTo(Math.exp(loss!), 9);
    expect(bitsPerCharacter).toBeCloseTo(loss! / Math.LN2, 9); // one token a character
    expect(testScores(run)).toEqual(result.metrics);
    const log = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trim().split('\n');
    const validation = log.map((line) => JSON.parse(line)).filter(({ kind }) => kind === 'validation');
    expect(validation[0]).toHaveProperty('bitsPerCharacter');
  });

  test('is scored with windows that overlap when asked for, by a better figure (L4)', async () => {
    const text = writeText(temporaryFolder());
    const model = textModels['conv-lm'];
    const [apart, sliding] = [
      await losses(text, model),
      await losses(text, model, { evaluation: { stride: 1 } }),
    ];
    expect(sliding.result.metrics.loss).toBeLessThan(apart.result.metrics.loss! - 0.1);
  });

  test('from files of their own, with validation left out', async () => {
    const text = writeText(temporaryFolder());
    const data = { path: undefined, split: undefined, train: text, test: text };
    const { result } = await losses(text, textModels.gpt, { data, training: { maxSteps: 3 } });
    expect(result.metrics.loss).toBeGreaterThan(0);
  });
});

/** Stops after the checkpoint of step 14 at the latest, and goes on. */
async function cut(text: string, model: object, run: string): Promise<void> {
  const stop = new AbortController();
  const experiment = textExperiment(text, model);
  const onEvent = (event: TrainingEvent): void => {
    if (event.type === 'step' && event.step >= 12) stop.abort();
  };
  const first = await trainExperiment(experiment, { folder: run, onEvent, signal: stop.signal });
  expect(first.outcome).toBe('interrupted');
  await trainExperiment(experiment, { folder: run, resume: true });
}

describe('a run that was cut', () => {
  test.each(Object.entries(textModels))('of kind %s ends with the same bits', async (_, model) => {
    const folder = temporaryFolder();
    const text = writeText(folder);
    const [whole, resumed] = [join(folder, 'whole'), join(folder, 'resumed')];
    await trainExperiment(textExperiment(text, model), { folder: whole });
    await cut(text, model, resumed);
    expect(fingerprint(resumed)).toEqual(fingerprint(whole));
    expect(testScores(resumed)).toEqual(testScores(whole));
  });

  test('does not without its memory (I9)', async () => {
    const folder = temporaryFolder();
    const text = writeText(folder);
    const model = textModels['transformer-xl'];
    const [whole, resumed] = [join(folder, 'whole'), join(folder, 'resumed')];
    await trainExperiment(textExperiment(text, model), { folder: whole });
    const restore = patch(SegmentMemory, 'from', (real) => (state, like) => {
      const memory = real(state, like);
      for (const layer of memory.layers) layer.data.fill(0);
      return memory;
    });
    try {
      await cut(text, model, resumed);
    } finally {
      restore();
    }
    expect(fingerprint(resumed)).not.toEqual(fingerprint(whole));
  });

  test('keeps its memory in the checkpoint (I9)', async () => {
    const text = writeText(temporaryFolder());
    const { run } = await losses(text, textModels['transformer-xl']);
    const { carried } = newestCheckpoint(run)!.checkpoint;
    expect([...carried!.values()].map(({ shape }) => shape)).toEqual([[6, 12, 16]]);
  });
});

describe('mistakes', () => {
  const { gpt } = textModels;
  test.each<[string, object, Parameters<typeof textDescription>[2], RegExp]>([
    [
      'a model of pairs',
      { kind: 'transformer' },
      {},
      /model.kind: expected one of gpt, conv-lm, .*got "transformer"/,
    ],
    ['segments above the table', gpt, { data: { segmentLength: 17 } }, /segmentLength: expected at most 16/],
    [
      'a metric of decoded texts',
      gpt,
      { evaluation: { metrics: ['bleu'] } },
      /metrics: expected none: a language/,
    ],
    ['a stride that skips', gpt, { evaluation: { stride: 13 } }, /stride: expected at most 12 .*, got 13/],
    [
      'shares of everything',
      gpt,
      { data: { split: { test: 0.5, validation: 0.5 } } },
      /split: expected shares/,
    ],
    ['no file', gpt, { data: { path: undefined } }, /data: expected either `path`, or `train`/],
    [
      'a stride for a model with memory',
      textModels['transformer-xl'],
      { evaluation: { stride: 2 } },
      /stride: expected with a model without memory only/,
    ],
  ])('%s', (_, model, over, message) => {
    expect(() => validateExperiment(textDescription('text.txt', model, over))).toThrow(message);
  });

  test('pairs for a language model, and an unknown format', () => {
    const description = textDescription('text.txt', gpt);
    const data = { train: { format: 'tsv', path: 'a.tsv' } };
    expect(() => validateExperiment({ ...description, data })).toThrow(
      /model.kind: expected one of transformer, lstm-seq2seq.* for pairs of texts, got "gpt"/,
    );
    expect(() => validateExperiment({ ...description, data: { format: 'txt' } })).toThrow(
      'data.format: expected one of pairs, text, conll, got "txt"; did you mean "text"?',
    );
  });

  test('a text shorter than a segment', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'short.txt'), 'abc\n');
    const experiment = textExperiment(join(folder, 'short.txt'), gpt);
    await expect(trainExperiment(experiment, { folder: join(folder, 'run') })).rejects.toThrow(
      /short.txt: expected more than 12 tokens to train on \(data.segmentLength\), got 3; hint: give more text/,
    );
  });

  test('a language model asked to translate', async () => {
    const text = writeText(temporaryFolder());
    const { run } = await losses(text, gpt, { training: { maxSteps: 2 } });
    await expect(loadModel(run)).rejects.toThrow(
      /model.kind: expected an encoder–decoder model, got kind "gpt"; hint: such kinds are transformer/,
    );
  });
});
