/** Masking, the masked language model against PyTorch and loops, its training from a configuration, and fillMask. */
import '../src/backends/register.ts';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import {
  backward,
  ConfigError,
  fillMask,
  fillText,
  full,
  loadMaskedLanguageModel,
  loadTokenizer,
  MaskedLanguageModel,
  type MaskedLanguageModelConfig,
  maskingRandom,
  maskTokens,
  Random,
  type TokenizerConfig,
  tensor,
  trainTokenizer,
  validateExperiment,
} from '../src/index.ts';
import { buildMaskedLanguageModel } from '../src/models/registry.ts';
import { findModel, restoreModel } from '../src/train/checkpoint.ts';
import type { TrainingEvent } from '../src/train/events.ts';
import { trainExperiment } from '../src/train/run.ts';
import {
  lossesAreThoseOfChosenPlaces,
  maskedCountsAreBinomial,
  maskingSparesSpecials,
  otherPlacesGetNoGradient,
  tinyMasked,
} from './support/checks/masked.ts';
import { itOnEachDevice } from './support/devices.ts';
import { expectMistake, heed, jsonLines } from './support/heed-binary.ts';
import { expectNear, gradientOf, idTensor } from './support/numbers.ts';
import { fingerprint, temporaryFolder, testScores } from './support/tiny-run.ts';
import { textDescription, textExperiment, writeText } from './support/tiny-text-run.ts';

describe('masking (F12)', () => {
  it('has the counts of independent draws', maskedCountsAreBinomial);
  it('spares special tokens and what is not selected', maskingSparesSpecials);

  const text = Array.from({ length: 400 }, (_, i) => 4 + (i % 20));
  const ids = { mask: 24, ordinary: [4, 24] } as const;
  const placesOf = (...chance: Parameters<typeof maskingRandom>) =>
    [...maskTokens(text, ids, maskingRandom(...chance)).places].join();

  it('is the same for a seed, epoch and batch, and another one for any other', () => {
    const here = placesOf(1, 'train', 3, 7);
    expect(placesOf(1, 'train', 3, 7)).toBe(here);
    const others = [placesOf(2, 'train', 3, 7), placesOf(1, 'train', 4, 7), placesOf(1, 'train', 3, 8)];
    expect(new Set([here, ...others, placesOf(1, 'test', 3, 7)]).size).toBe(5);
  });

  it('selects at least one token where there is one', () => {
    const tiny = { rate: 1e-9 };
    expect([...maskTokens([0, 0, 9, 2], ids, new Random(1, 'mask'), tiny).places]).toEqual([2]);
    expect(maskTokens([0, 1, 2, 24], ids, new Random(1, 'mask')).places).toHaveLength(0);
    expect(maskTokens([], ids, new Random(1, 'mask')).ids).toHaveLength(0);
  });

  it.each([
    [{ rate: 0 }, 'maskTokens.rate: expected a probability above 0 and at most 1, got 0'],
    [{ mask: 0.8, random: 0.3 }, 'shares of mask and random that sum to at most 1, got 1.1'],
    [{ random: -1 }, 'maskTokens.random: expected a share of at least 0, got -1'],
  ])('refuses %j', (rates, message) => {
    expect(() => maskTokens(text, ids, new Random(1, 'mask'), rates)).toThrow(message);
  });
});

interface TorchCase {
  readonly config: MaskedLanguageModelConfig;
  readonly logits: readonly number[];
  readonly losses: readonly number[];
  readonly gradients: Readonly<Record<string, readonly number[]>>;
}

const torch = JSON.parse(readFileSync(new URL('fixtures/masked-lm-torch.json', import.meta.url), 'utf8')) as {
  readonly ids: number[][];
  readonly places: number[];
  readonly labels: number[];
  readonly cases: readonly TorchCase[];
};

/** Parameters by the rule that the fixture's description gives. */
function ruledModel({ config, gradients }: TorchCase, device: string): MaskedLanguageModel {
  const model = new MaskedLanguageModel(
    { ...config, dropout: 0, attentionDropout: 0 },
    { random: new Random(1, 'init'), device },
  );
  const parameters = model.stateDict();
  expect([...parameters.keys()].toSorted()).toEqual(Object.keys(gradients).toSorted());
  for (const [j, name] of Object.keys(gradients).entries()) {
    const lift = /norm\.weight$/i.test(name) ? 1 : 0;
    const { data } = parameters.get(name)!;
    data.set(Float64Array.from(data, (_, i) => 0.5 * Math.sin(0.7 * (i + 1) + 1.3 * j) + lift));
  }
  return model;
}

describe('the model (J10)', () => {
  describe.each([...torch.cases.entries()])('case %i of PyTorch in float64', (_, one) => {
    itOnEachDevice('logits, losses and every gradient', (device) => {
      const model = ruledModel(one, device);
      const tolerance = device === 'reference' ? 1e-11 : 1e-5;
      const make = (values: number[]) => tensor(values, [values.length], { dtype: 'int32', device });
      const [places, labels] = [make(torch.places), make(torch.labels)];
      const logits = model.logitsAt(model.encode(idTensor(torch.ids, device)), places);
      expectNear(logits.data, one.logits, tolerance, 'logits');
      const losses = model.losses(idTensor(torch.ids, device), places, labels, { labelSmoothing: 0 });
      expectNear(losses.data, one.losses, tolerance, 'losses');
      backward(losses, { grad: full([3], 1 / 3, { device }) });
      for (const [path, parameter] of model.namedParameters())
        expectNear(gradientOf(parameter), one.gradients[path]!, tolerance, `gradient of ${path}`);
    });
  });

  itOnEachDevice('has losses at the chosen places only', lossesAreThoseOfChosenPlaces);
  itOnEachDevice('has no gradient at other places', otherPlacesGetNoGradient);

  it('lists every wrong field', () => {
    expect(() => tinyMasked({ numHeads: 3, dropout: 1 })).toThrow(
      /MaskedLanguageModel: numHeads: expected a divisor of dModel \(8\), got 3; dropout: expected a rate/,
    );
  });

  it('is built of any mechanism of an encoder', () => {
    const model = tinyMasked({
      attention: { kind: 'linformer', rows: 3 },
      norm: 'sentence',
      position: 'none',
    });
    expect(model.encode(idTensor([[1, 2, 3]])).shape).toEqual([1, 3, 8]);
  });
});

describe('a tokenizer with a mask token (J10)', () => {
  const lines = ['the cat sat on the mat', 'a [MASK] is a word here'];
  it.each(['word', 'char', 'bpe', 'wordpiece', 'unigram'] as const)('of kind %s', (kind) => {
    const sized = kind === 'word' || kind === 'char' ? {} : { vocabSize: 40 };
    const config = { kind, ...sized } as TokenizerConfig;
    const plain = trainTokenizer(config, lines);
    const tokenizer = trainTokenizer({ ...config, specialTokens: { mask: '[MASK]' } }, lines);
    const { mask } = tokenizer.specialTokens;
    expect(mask).toBe(tokenizer.vocabSize - 1);
    expect(tokenizer.token(mask!)).toBe('[MASK]');
    expect(tokenizer.id('[MASK]')).toBe(mask);
    expect(plain.specialTokens.mask).toBeUndefined();
    const again = loadTokenizer(JSON.parse(JSON.stringify(tokenizer)));
    expect(again.specialTokens).toEqual(tokenizer.specialTokens);
    for (const line of lines) {
      expect(tokenizer.encode(line)).not.toContain(mask);
      expect(again.encode(line)).toEqual(tokenizer.encode(line));
    }
    const ids = tokenizer.encode('the cat');
    expect(tokenizer.decode([...ids, mask!])).toBe(tokenizer.decode(ids));
    expect(tokenizer.decode([...ids, mask!], { skipSpecialTokens: false })).toContain('[MASK]');
  });
});

const masked = {
  ...{ kind: 'masked-lm', dModel: 16, numLayers: 1, numHeads: 2, maxSeqLen: 16 },
  ...{ dropout: 0.1, attentionDropout: 0 },
};

describe('a run (J10)', () => {
  test('learns letters that repeat the one before, and fills masks', async () => {
    const text = writeText(temporaryFolder(), 1);
    const run = join(temporaryFolder(), 'run');
    const found: Record<string, number>[] = [];
    const onEvent = (event: TrainingEvent): void => {
      if (event.type === 'validation') found.push({ ...event.metrics });
    };
    const model = { ...masked, initializerStd: 0.2, dropout: 0 };
    const experiment = textExperiment(text, model, { training: { maxSteps: 240 } });
    const { metrics } = await trainExperiment(experiment, { folder: run, onEvent });
    // Without looking at its neighbours, one of eight letters costs ln 8 and is right one time in eight.
    expect(found.at(-1)!.loss).toBeLessThan(0.75 * Math.log(8));
    expect(found.at(-1)!.accuracy).toBeGreaterThan(0.7);
    expect(metrics.perplexity).toBeCloseTo(Math.exp(metrics.loss!), 9);
    expect(testScores(run)).toEqual(metrics);
    const trained = restoreModel(findModel(run).checkpoint, 'reference', buildMaskedLanguageModel);
    const [first, second] = fillMask(trained.model, trained.tokenizers.target, 'ccc[MASK]ccffff[MASK]f', {
      topK: 2,
    });
    expect([first![0]!.token, second![0]!.token]).toEqual(['c', 'f']);
    const { model: loaded, tokenizer } = await loadMaskedLanguageModel(run, { device: 'reference' });
    expect(fillText(loaded, tokenizer, 'ccc[MASK]ccffff[MASK]f').text).toBe('cccccc'.concat('ffffff'));
    const filled = await heed(['fill', run, '--device', 'reference'], {
      cwd: run,
      input: 'ccc[MASK]cc\n\ncf\n',
    });
    expect(filled).toEqual({ code: 0, stdout: 'cccccc\n\ncf\n', stderr: '' });
    const listed = await heed(['fill', run, '--json', '--top', '2'], { cwd: run, input: 'ff[MASK]ff\n' });
    const [line] = jsonLines(listed.stdout);
    expect(line).toMatchObject({ source: 'ff[MASK]ff', text: 'fffff', masks: [[{ token: 'f' }, {}]] });
    expect(expectMistake(await heed(['fill', run, '--top', '0'], { cwd: run }))).toMatch(/--top/);
    expect(expectMistake(await heed(['tag', run], { cwd: run }))).toMatch(/this one is run by heed fill$/);
  });

  test('that was cut ends with the same bits', async () => {
    const folder = temporaryFolder();
    const text = writeText(folder);
    const [whole, resumed] = [join(folder, 'whole'), join(folder, 'resumed')];
    const experiment = textExperiment(text, masked, { data: { masking: { rate: 0.3, mask: 0.5 } } });
    await trainExperiment(experiment, { folder: whole });
    const stop = new AbortController();
    const onEvent = (event: TrainingEvent): void => {
      if (event.type === 'step' && event.step >= 12) stop.abort();
    };
    const first = await trainExperiment(experiment, { folder: resumed, onEvent, signal: stop.signal });
    expect(first.outcome).toBe('interrupted');
    await trainExperiment(experiment, { folder: resumed, resume: true });
    expect(fingerprint(resumed)).toEqual(fingerprint(whole));
    expect(testScores(resumed)).toEqual(testScores(whole));
  });

  test.each<[object, Parameters<typeof textDescription>[2], string]>([
    [
      { kind: 'gpt' },
      { data: { masking: {} } },
      'data.masking: expected with a masked language model (masked-lm)',
    ],
    [
      masked,
      { data: { masking: { mask: 0.9, random: 0.2 } } },
      'data.masking: expected shares of mask and random',
    ],
    [masked, { data: { masking: { rate: 0 } } }, 'data.masking.rate: expected more than 0, got 0'],
    [
      masked,
      { evaluation: { stride: 3 } },
      'evaluation.stride: expected with a model of the next token only',
    ],
    [{ ...masked, maxSeqLen: 8 }, {}, 'data.segmentLength: expected at most 8 (model.maxSeqLen), got 12'],
    [
      { ...masked, attention: { kind: 'local', left: 0, right: 0 } },
      {},
      'model.attention: local: a window of 0',
    ],
  ])('is refused with %j, %j', (model, over, message) => {
    expect(() => validateExperiment(textDescription('a.txt', model, over))).toThrow(message);
  });
});

describe('fillMask (J10)', () => {
  const tokenizer = trainTokenizer({ kind: 'char', specialTokens: { mask: '[MASK]' } }, ['abcd']);
  const model = tinyMasked({ vocabSize: tokenizer.vocabSize, maxSeqLen: 6 }).eval();

  it('gives ordinary tokens, likeliest first, with the probabilities of the softmax', () => {
    const [first, second] = fillMask(model, tokenizer, 'a[MASK]b[MASK]', { topK: 99 });
    expect(first!.map(({ token }) => token).toSorted()).toEqual(['a', 'b', 'c', 'd']);
    expect(second).toHaveLength(4);
    const shares = first!.map(({ probability }) => probability);
    expect(shares).toEqual(shares.toSorted((a, b) => b - a));
    expect(shares.reduce((a, b) => a + b)).toBeLessThan(1);
  });

  it.each([
    ['abc', 'a text with [MASK]'],
    ['[MASK]abcdab', 'at most 6 tokens (maxSeqLen), got 7'],
  ])('refuses %s', (text, message) => {
    expect(() => fillMask(model, tokenizer, text)).toThrow(message);
    expect(() => fillMask(model, tokenizer, text)).toThrow(ConfigError);
  });

  it('refuses a tokenizer without a mask', () => {
    const plain = trainTokenizer({ kind: 'char' }, ['abcd']);
    expect(() => fillMask(model, plain, 'a[MASK]')).toThrow('a tokenizer with a mask token');
  });
});
