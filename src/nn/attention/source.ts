/**
 * Attention of a recurrent decoder to the states of its encoder: score every source state, weigh, sum.
 *
 * The kinds are in `source-kinds.ts`.
 */
import type { Tensor } from '../../core/tensor.ts';
import { scale } from '../../ops/elementwise/scale.ts';
import { reshape } from '../../ops/shape/reshape.ts';
import { contributeLoss, isCollecting } from '../auxiliary.ts';
import { Module } from '../module.ts';
import { guidedAttentionLoss } from './guided.ts';
import { asMask, type Mask } from './masks.ts';
import { type Packing, Segments, type Visible } from './packing.ts';
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

/** How strongly training draws the weights to the diagonal; see `guidedAttentionLoss`. */
export interface Guidance {
  /** Of the loss beside the mean loss of a token; 0, the default, leaves it out. */
  readonly guidedWeight?: number;
  /** How far off the diagonal costs nothing. Default 0.2. */
  readonly guidedWidth?: number;
}

/** Where decoder states looked. */
export interface Aligned {
  /** `[B, T, E]` */
  readonly contexts: Tensor;
  /** `[B, T, S]` */
  readonly weights: Tensor;
}

interface PaddedLengths {
  readonly queryLengths?: readonly number[];
  readonly keyLengths?: readonly number[];
}

function lengthsOf({ starts, count }: Packing): number[] {
  return Array.from({ length: count }, (_, n) => starts[n + 1]! - starts[n]!);
}

/** A mask `[B, 1, 1, S]` as it meets weights `[B, T, S]`. */
export function maskOfRows(mask: Mask | null): Mask | null {
  const [batch, , , length] = (mask?.shape ?? []) as [number, number, number, number];
  return mask && asMask(mask.view([batch, 1, length]));
}

/** How well a decoder state matches each encoder state, and the average that follows. */
export abstract class SourceAttention extends Module {
  private readonly guidance: Required<Guidance>;

  constructor({ guidedWeight = 0, guidedWidth = 0.2 }: Guidance = {}) {
    super();
    this.guidance = { guidedWeight, guidedWidth };
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
    if (!(visible instanceof Segments)) return this.look(query, memory, maskOfRows(visible), {});
    const { queries, keys } = visible;
    const [from, to] = [new Padded(queries), new Padded(keys)];
    const values = to.unpack(memory.values);
    const own = { keys: memory.keys === memory.values ? values : to.unpack(memory.keys), values };
    const lengths = { queryLengths: lengthsOf(queries), keyLengths: lengthsOf(keys) };
    return from.pack(this.look(from.unpack(query), own, maskOfRows(to.mask), lengths));
  }

  /** Whether nobody needs the weights. */
  protected get isHidden(): boolean {
    return !this.wants('weights') && !this.isGuided;
  }

  private get isGuided(): boolean {
    return this.guidance.guidedWeight > 0 && isCollecting();
  }

  private look(query: Tensor, memory: SourceMemory, mask: Mask | null, lengths: PaddedLengths): Tensor {
    const { contexts, weights } = this.align(query, memory, mask, null);
    const [batch, T, S] = weights.shape as [number, number, number];
    this.expose('weights', reshape(weights, [batch, 1, T, S]));
    const { guidedWeight, guidedWidth } = this.guidance;
    if (this.isGuided)
      contributeLoss(scale(guidedAttentionLoss(weights, { width: guidedWidth, ...lengths }), guidedWeight));
    return contexts;
  }
}
