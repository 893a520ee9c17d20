/** What training and tagging ask of a model that gives each token of a sentence a tag. */
import type { Device } from '../core/device.ts';
import type { Tensor } from '../core/tensor.ts';
import { Module } from '../nn/module.ts';

/** A model with a tag for each token. */
export abstract class TaggingModel extends Module {
  /** Most tokens of a sentence. */
  abstract readonly maxSeqLen: number;
  /** Where the parameters lie. */
  abstract readonly device: Device;

  /**
   * Logits of the tags of every token.
   *
   * @param ids - int32 `[B, T]`
   * @param lengths - of sentences that stand one after the other in one batch entry, and do not see each other
   * @returns `[B, T, tags]`
   */
  abstract forward(ids: Tensor, lengths?: ArrayLike<number>): Tensor;
}
