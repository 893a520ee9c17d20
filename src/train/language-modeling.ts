/** Language modelling: the losses of windows of a text, for training and for evaluation. */
import type { Device } from '../core/device.ts';
import { scope } from '../core/scope.ts';
import { noGrad } from '../core/tape.ts';
import { type Tensor, tensor } from '../core/tensor.ts';
import {
  cutWindows,
  orderedWindows,
  slidingWindows,
  type WindowBatch,
  type WindowSizes,
} from '../data/running-text.ts';
import { ConfigError } from '../errors.ts';
import type { CausalLanguageModel } from '../models/language-model.ts';
import type { SegmentMemory } from '../models/segment-memory.ts';
import { crossEntropy } from '../ops/cross-entropy/index.ts';
import { learnFrom, type TrainingSums } from './learn.ts';

/** What a language model scored on a text. */
export interface TextLoss {
  /** Summed negative log-likelihood of the labels, nats. */
  readonly nll: number;
  /** Labels. */
  readonly tokens: number;
  /** Tokens that went through the model: more than the labels where windows overlap. */
  readonly tokensRead: number;
  /** Summed negative log-likelihood and labels at each place of a window, `[length]`. */
  readonly byPlace: { readonly nll: Float64Array; readonly tokens: Float64Array };
}

function idTensors(
  ids: Int32Array,
  windows: WindowBatch,
  device: Device,
): { inputs: Tensor; labels: Tensor } {
  const { inputs, labels } = cutWindows(ids, windows);
  const shape = [windows.starts.length, windows.length];
  const options = { dtype: 'int32', device } as const;
  return { inputs: tensor(inputs, shape, options), labels: tensor(labels, shape, options) };
}

/** Reads windows of a text one batch after the other and learns from them. */
export class TextTrainer {
  private readonly model: CausalLanguageModel;
  private readonly ids: Int32Array;
  private readonly labelSmoothing: number;
  /** Of the batch before; null where texts begin. */
  memory: SegmentMemory | null = null;

  constructor(model: CausalLanguageModel, ids: Int32Array, labelSmoothing: number) {
    this.model = model;
    this.ids = ids;
    this.labelSmoothing = labelSmoothing;
  }

  /** Adds the gradients of `loss sum / totalTokens` to the parameters. */
  trainOn(windows: WindowBatch, totalTokens: number, done: number): TrainingSums {
    const before = windows.fresh ? null : this.memory;
    let after: SegmentMemory | null = null;
    const lossesOf = (): Tensor => {
      const { inputs, labels } = idTensors(this.ids, windows, this.model.device);
      const found = this.model.losses(inputs, labels, before, { labelSmoothing: this.labelSmoothing, done });
      after = found.memory;
      return found.losses;
    };
    const sums = learnFrom(lossesOf, windows.starts.length * windows.length, totalTokens);
    this.memory?.dispose();
    this.memory = after;
    return sums;
  }
}

/** How a text is read for evaluation. */
export interface TextEvaluation extends WindowSizes {
  /** Places from one window to the next; their length by default. Models with memory take no other. */
  readonly stride?: number | undefined;
}

/**
 * The negative log-likelihood of a text, every token but the first counted once.
 *
 * A model without memory reads windows that lie side by side, or overlap when `stride` says so. One with memory reads
 * `batchSize` stretches of the text in order, side by side.
 *
 * @param ids - of the whole text
 * @throws {ConfigError} when the stride cannot be used
 * @example
 * const { nll, tokens } = evaluateText(model, ids, { length: 64, batchSize: 16, stride: 1 });
 */
export function evaluateText(model: CausalLanguageModel, ids: Int32Array, options: TextEvaluation): TextLoss {
  const { length, stride = length } = options;
  if (model.hasMemory && stride !== length) {
    throw new ConfigError({
      where: 'stride',
      expected: 'none for a model with memory, which sees what came before anyhow',
      got: String(stride),
    });
  }
  const batches = model.hasMemory
    ? orderedWindows(ids.length, options)
    : slidingWindows(ids.length, options, stride);
  const byPlace = { nll: new Float64Array(length), tokens: new Float64Array(length) };
  let memory: SegmentMemory | null = null;
  let tokensRead = 0;
  for (const windows of batches) {
    const before: SegmentMemory | null = windows.fresh ? null : memory;
    const read = lossesOf(model, ids, windows, before);
    memory?.dispose();
    memory = read.memory;
    tokensRead += read.losses.length;
    read.losses.forEach((loss, i) => {
      const place = i % windows.length;
      if (place < windows.countFrom) return;
      byPlace.nll[place]! += loss;
      byPlace.tokens[place]!++;
    });
  }
  memory?.dispose();
  const total = (values: Float64Array): number => values.reduce((a, b) => a + b, 0);
  return { nll: total(byPlace.nll), tokens: total(byPlace.tokens), tokensRead, byPlace };
}

/** The loss of every label of a batch of windows, and what is remembered of it. */
function lossesOf(
  model: CausalLanguageModel,
  ids: Int32Array,
  windows: WindowBatch,
  before: SegmentMemory | null,
): { readonly losses: Float64Array; readonly memory: SegmentMemory | null } {
  return noGrad(() =>
    scope(() => {
      const { inputs, labels } = idTensors(ids, windows, model.device);
      const { logits, memory } = model.read(inputs, before);
      return { losses: Float64Array.from(crossEntropy(logits, labels).data), memory };
    }),
  );
}
