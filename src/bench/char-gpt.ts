/**
 * A language model of characters, trained from nothing: nanoGPT's configuration for a CPU (4 layers, 4 heads, width
 * 128, 64 characters, batch 12, 2000 steps) on any text; published for Shakespeare's.
 */
import type { Device } from '../core/device.ts';
import { type Precision, withPrecision } from '../core/precision.ts';
import { Random } from '../core/random.ts';
import { scope } from '../core/scope.ts';
import { backward, noGrad } from '../core/tape.ts';
import { full, tensor } from '../core/tensor.ts';
import { DataError } from '../errors.ts';
import { Gpt } from '../models/gpt.ts';
import { crossEntropy } from '../ops/cross-entropy/index.ts';
import { Adam } from '../train/adam.ts';
import { clipFactor, gradientNorm } from '../train/clip.ts';
import { readTextFile } from './text-file.ts';

const BATCH = 12;
const LENGTH = 64;
const WARMUP = 100;
const VALIDATE_EVERY = 500;
const VALIDATION_BATCH = 200;

/** Ids of a text's characters: the first nine tenths to train on, the rest to validate. */
export interface CharacterData {
  readonly vocabSize: number;
  readonly train: Int32Array;
  readonly validation: Int32Array;
}

/**
 * @param path - a text file
 * @throws {ConfigError} when none was named
 * @throws {DataError} when it is not there or too short
 */
export function readCharacters(path: string | undefined): CharacterData {
  const characters = [...readTextFile(path, 'bench char-gpt')];
  const known = new Map([...new Set(characters)].toSorted().map((character, id) => [character, id]));
  const ids = Int32Array.from(characters, (character) => known.get(character)!);
  const cut = Math.floor(0.9 * ids.length);
  if (ids.length - cut <= LENGTH) {
    throw new DataError({
      where: path!,
      file: path!,
      expected: `at least ${10 * (LENGTH + 1)} characters`,
      got: String(ids.length),
    });
  }
  return { vocabSize: known.size, train: ids.subarray(0, cut), validation: ids.subarray(cut) };
}

/** What training came to. */
export interface CharGptFigures {
  readonly parameters: number;
  readonly steps: number;
  /** Nats per character over the whole validation text. */
  readonly validationLoss: number;
  /** Wall clock of training and of five passes over the validation text. */
  readonly seconds: number;
}

/** From 0 to 1e-3 in 100 steps, then along half a cosine to 1e-4. */
function learningRate(step: number, steps: number): number {
  if (step < WARMUP) return (1e-3 * step) / WARMUP;
  const done = (step - WARMUP) / Math.max(1, steps - WARMUP);
  return 1e-4 + 9e-4 * 0.5 * (1 + Math.cos(Math.PI * done));
}

/** Windows of a text as inputs and labels, one character apart. */
function windows(text: Int32Array, starts: readonly number[], device: Device) {
  const cut = (shift: number) => {
    const ids = new Int32Array(starts.length * LENGTH);
    for (const [i, start] of starts.entries())
      ids.set(text.subarray(start + shift, start + shift + LENGTH), i * LENGTH);
    return tensor(ids, [starts.length, LENGTH], { dtype: 'int32', device });
  };
  return { inputs: cut(0), labels: cut(1) };
}

function validationLoss(model: Gpt, text: Int32Array, device: Device): number {
  const count = Math.floor((text.length - 1) / LENGTH);
  let total = 0;
  for (let from = 0; from < count; from += VALIDATION_BATCH) {
    const size = Math.min(VALIDATION_BATCH, count - from);
    const starts = Array.from({ length: size }, (_, i) => (from + i) * LENGTH);
    const losses = noGrad(() =>
      scope(() => {
        const { inputs, labels } = windows(text, starts, device);
        return crossEntropy(model.forward(inputs), labels).data.slice();
      }),
    );
    for (const loss of losses) total += loss;
  }
  return total / (count * LENGTH);
}

function newModel(vocabSize: number, device: Device): Gpt {
  return new Gpt(
    {
      ...{ vocabSize, maxSeqLen: LENGTH, dModel: 128, numLayers: 4, numHeads: 4, activation: 'gelu' },
      ...{ bias: false, dropout: 0, attentionDropout: 0 },
    },
    { random: new Random(1337, 'init'), device },
  );
}

/**
 * Trains and validates.
 *
 * @param steps - 2000 in nanoGPT's configuration
 */
export function benchCharGpt(
  data: CharacterData,
  device: Device,
  { steps = 2000, precision = 'fp32' as Precision } = {},
): CharGptFigures {
  const model = newModel(data.vocabSize, device);
  const options = { beta1: 0.9, beta2: 0.99, eps: 1e-8, weightDecay: 0.1 };
  const adam = new Adam(model.namedParameters(), options);
  const random = new Random(1337, 'batches');
  const learn = (): void => {
    const starts = Array.from({ length: BATCH }, () => random.integer(data.train.length - LENGTH));
    scope(() => {
      const { inputs, labels } = windows(data.train, starts, device);
      const losses = crossEntropy(model.forward(inputs), labels);
      backward(losses, { grad: full(losses.shape, 1 / losses.size, { device }) });
    });
  };
  const start = performance.now();
  let loss = validationLoss(model, data.validation, device);
  for (let step = 1; step <= steps; step++) {
    withPrecision(precision, device, learn);
    adam.step(learningRate(step, steps), clipFactor(gradientNorm(model.parameters()), 1));
    model.zeroGrad();
    if (step % VALIDATE_EVERY === 0 || step === steps) loss = validationLoss(model, data.validation, device);
  }
  const seconds = (performance.now() - start) / 1000;
  const parameters = model.numParameters;
  for (const parameter of model.parameters()) parameter.dispose();
  adam.dispose();
  return { parameters, steps, validationLoss: loss, seconds };
}
