/** What training and tagging ask of a model that gives each token of a sentence a tag. */
import type { Device } from '../core/device.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Embedding } from '../nn/embedding.ts';
import { Module } from '../nn/module.ts';

/** A model with a tag for each token. */
export abstract class TaggingModel extends Module {
  abstract readonly embedding: Embedding;

  /** Most tokens of a sentence; any number, because windows slide over it, unless a model says otherwise. */
  get maxSeqLen(): number {
    return Number.MAX_SAFE_INTEGER;
  }

  /** Where the parameters lie. */
  get device(): Device {
    return this.embedding.weight.device;
  }

  /**
   * Logits of the tags of every token.
   *
   * @param ids - int32 `[B, T]`
   * @param lengths - of sentences that stand one after the other in one batch entry, and do not see each other
   * @returns `[B, T, tags]`
   */
  abstract forward(ids: Tensor, lengths?: ArrayLike<number>): Tensor;
}
