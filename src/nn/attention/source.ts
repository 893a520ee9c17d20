/**
 * Attention of a recurrent decoder to the states of its encoder: score every source state, weigh, sum.
 *
 * The kinds are in `source-kinds.ts`.
 */
import type { Tensor } from '../../core/tensor.ts';
import { reshape } from '../../ops/shape/reshape.ts';
import { Module } from '../module.ts';
import { type Guidance, guide, isGuiding } from './guided.ts';
import { asMask, type Mask } from './masks.ts';
import { Segments, type Visible } from './packing.ts';
import { Padded } from './padded.ts';

/** What a decoder looks at: computed once for each source. */
export interface SourceMemory {
  /** `[B, S, A]` */
  readonly keys: Tensor;
  /** `[B, S, E]` */
  readonly values: Tensor;
}

/** Widths of the attention of a recurrent decoder. */
export interface SourceAttentionOptions {
  /** Of the decoder's states. */
  readonly queryWidth: number;
  /** E, of the encoder's states. */
  readonly memoryWidth: number;
}

/** Where decoder states looked. */
export interface Aligned {
  /** `[B, T, E]` */
  readonly contexts: Tensor;
  /** `[B, T, S]` */
  readonly weights: Tensor;
}

/** A mask `[B, 1, 1, S]` as it meets weights `[B, T, S]`. */
export function maskOfRows(mask: Mask | null): Mask | null {
  const [batch, , , length] = (mask?.shape ?? []) as [number, number, number, number];
  return mask && asMask(mask.view([batch, 1, length]));
}

/** Packed sources `[1, N, …]` as a padded batch. */
export function paddedMemory({ keys, values }: SourceMemory, batch: Padded): SourceMemory {
  const own = batch.unpack(values);
  return { keys: keys === values ? own : batch.unpack(keys), values: own };
}

/** How well a decoder state matches each encoder state, and the average that follows. */
export abstract class SourceAttention extends Module {
  private readonly guidance: Guidance;

  constructor(guidance: Guidance = {}) {
    super();
    this.guidance = guidance;
  }

  /** Whether the weights of a step follow from those of the step before, which decoding must then keep. */
  get remembers(): boolean {
    return false;
  }

  /** Prepares encoder states `[B, S, E]`. */
  abstract project(memory: Tensor): SourceMemory;

  /**
   * Looks, with all weights in the open.
   *
   * @param query - decoder states `[B, T, C]`
   * @param mask - `[B, 1, S]`, true for tokens, or null
   * @param before - weights of the step before the first one, `[B, S]`; null where texts begin
   */
  abstract align(query: Tensor, memory: SourceMemory, mask: Mask | null, before: Tensor | null): Aligned;

  /**
   * @param query - decoder states `[B, T, C]`, from the beginning of the texts unless a kind remembers nothing
   * @param visible - mask `[B, 1, 1, S]`, the bounds of packed sequences, or null
   * @returns contexts `[B, T, E]`
   */
  attendTo(query: Tensor, memory: SourceMemory, visible: Visible): Tensor {
    if (!(visible instanceof Segments)) return this.look(query, memory, maskOfRows(visible), null);
    const { queries, keys } = visible;
    const [from, to] = [new Padded(queries), new Padded(keys)];
    const own = paddedMemory(memory, to);
    return from.pack(this.look(from.unpack(query), own, maskOfRows(to.mask), visible));
  }

  /** Whether nobody needs the weights. */
  protected get isHidden(): boolean {
    return !this.wants('weights') && !isGuiding(this.guidance);
  }

  private look(query: Tensor, memory: SourceMemory, mask: Mask | null, segments: Segments | null): Tensor {
    const { contexts, weights } = this.align(query, memory, mask, null);
    this.show(weights, segments);
    return contexts;
  }

  /**
   * Offers weights `[B, T, S]` of whole texts to whoever looks, and to the loss that draws them to the diagonal.
   *
   * @param segments - the bounds of sequences that were packed before they were padded, or null
   */
  show(weights: Tensor, segments: Segments | null): void {
    if (this.isHidden) return;
    const [batch, T, S] = weights.shape as [number, number, number];
    const ofHead = this.expose('weights', reshape(weights, [batch, 1, T, S]));
    if (isGuiding(this.guidance)) guide(ofHead, segments, this.guidance);
  }
}
