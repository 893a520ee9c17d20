/** What training and evaluation ask of a model that predicts each token of a text from those before it. */
import type { Device } from '../core/device.ts';
import type { Tensor } from '../core/tensor.ts';
import { Module } from '../nn/module.ts';
import { crossEntropy } from '../ops/cross-entropy/index.ts';
import { reshape } from '../ops/shape/reshape.ts';
import { slice } from '../ops/shape/slice.ts';
import type { SegmentMemory } from './segment-memory.ts';
import type { TextCache } from './text-cache.ts';

/** What a model says of a segment. */
export interface SegmentReading {
  /** After each token, `[B, T, V]`. */
  readonly logits: Tensor;
  /** What the next segment of the same texts may see of this one; whoever asked disposes it. */
  readonly memory: SegmentMemory | null;
}

/** The losses of a segment. */
export interface SegmentLosses {
  /** Of each label, nats, `[B, T]`. */
  readonly losses: Tensor;
  readonly memory: SegmentMemory | null;
}

/** How a segment is trained on. */
export interface SegmentLossOptions {
  /** ε of label smoothing, 0 … 1. */
  readonly labelSmoothing: number;
  /** Share of the training that is over, 0 … 1, for losses that fade out. */
  readonly done: number;
}

/** A model that predicts each token of a text from those before it. */
export abstract class CausalLanguageModel extends Module {
  /** Most tokens that it reads at once. */
  abstract readonly maxSeqLen: number;
  /** Where the parameters lie. */
  abstract readonly device: Device;

  /** Whether it remembers earlier segments of a text, which must then come in order. */
  get hasMemory(): boolean {
    return false;
  }

  /**
   * Logits of the next token after every token.
   *
   * @param ids - int32 `[B, T]`
   * @returns `[B, T, V]`
   */
  abstract forward(ids: Tensor): Tensor;

  /**
   * Reads the next segment of each text.
   *
   * @param ids - int32 `[B, T]`
   * @param _memory - of the segment before; null where texts begin
   */
  read(ids: Tensor, _memory: SegmentMemory | null): SegmentReading {
    return { logits: this.forward(ids), memory: null };
  }

  /**
   * Prepares the continuation of texts.
   *
   * @param batch - texts that grow side by side
   * @param room - most tokens of a text, its prompt included
   */
  abstract startDecoding(batch: number, room: number): TextCache;

  /** The new tokens join the cache: ids `[B, T]` to what the last layer says of them, `[B, T, C]`. */
  protected abstract grow(ids: Tensor, cache: TextCache): Tensor;

  /** `[…, C]` of the last layer to logits `[…, V]`. */
  protected abstract project(x: Tensor): Tensor;

  /**
   * Continues texts by new tokens: the whole prompt at first (prefill), then one token a step.
   *
   * @param ids - int32 `[B, T]`
   * @returns logits after the last of them, `[B, V]`
   */
  step(ids: Tensor, cache: TextCache): Tensor {
    const top = this.grow(ids, cache);
    const [batch, length, width] = top.shape as [number, number, number];
    const last = length === 1 ? top : slice(top, 1, -1);
    return this.project(reshape(last, [batch, width]));
  }

  /** As `step`, with the logits after each of the new tokens, `[B, T, V]`. */
  extend(ids: Tensor, cache: TextCache): Tensor {
    return this.project(this.grow(ids, cache));
  }

  /** What training minimises: cross-entropy of the logits, unless a model has further losses. */
  losses(
    ids: Tensor,
    labels: Tensor,
    memory: SegmentMemory | null,
    { labelSmoothing }: SegmentLossOptions,
  ): SegmentLosses {
    const reading = this.read(ids, memory);
    return { losses: crossEntropy(reading.logits, labels, { labelSmoothing }), memory: reading.memory };
  }
}
