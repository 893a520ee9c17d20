/** What a stack of layers asks of an attention layer, whatever its mechanism. */
import type { Tensor } from '../../core/tensor.ts';
import type { Initializer } from '../initializers.ts';
import { Module } from '../module.ts';
import type { AttentionPosition, Places } from '../position/position.ts';
import type { BatchStructure } from '../source-structure.ts';
import type { ScoreScale } from './attend.ts';
import type { Visible } from './packing.ts';

/** Where an attention layer stands: in the encoder, in the decoder, or between them. */
export type AttentionRole = 'encoder' | 'decoder' | 'cross';

/** What an attention layer is made for. */
export interface AttentionSizes {
  readonly role: AttentionRole;
  readonly dModel: number;
  readonly numHeads: number;
  readonly headDim: number;
  readonly valueDim: number;
  /** Rate on the attention weights. */
  readonly dropout: number;
  readonly scale: ScoreScale;
  readonly maxSeqLen: number;
  /** The kind of position information of the stack. */
  readonly position?: string;
  /** Whether its projections have biases; true by default. */
  readonly bias?: boolean;
  /** One matrix for queries, keys and values; see `MultiHeadAttentionOptions`. */
  readonly joined?: boolean;
  /** First values of the projections, where they are not those of the kind. */
  readonly initializer?: Initializer;
  readonly outputInitializer?: Initializer;
}

/** How a layer attends. */
export interface AttendTo {
  /** `[B|1, H|1, T|1, S]`, true where a key may be attended to; or the bounds of packed sequences. */
  readonly mask?: Visible;
  /** Query t sees keys up to its own place only. */
  readonly causal?: boolean;
  /** Keys that stand before the first query's own, with `causal`; 0 by default. */
  readonly causalOffset?: number;
  /** What positions do in self-attention. */
  readonly position?: AttentionPosition | null;
  /**
   * Scores that are added one by one, `[B|1, H|1, T|1, S]`, with a gradient if they require one; of packed sequences
   * for their padded rows. Refused by layers that do not make a score of each pair.
   */
  readonly bias?: Tensor | null;
  /** The trees of the texts, for layers that look at them. */
  readonly structure?: BatchStructure | null;
  /** Places of the tokens of `x`; from the bounds of packed sequences where they are given. */
  readonly places?: Places;
}

/** Key and value vectors of a memory, `[B, S, H·D]` and `[B, S, H·Dv]`. */
export interface KeysAndValues {
  readonly keys: Tensor;
  readonly values: Tensor;
}

/** What decoding keeps of a layer of self-attention. */
export interface AttentionCache {
  /** Tokens so far. */
  readonly length: number;
  /** Keeps the sequences at `places`, in that order. */
  select(places: readonly number[]): void;
  /** Forgets the tokens from place `length` on; left out where a cache cannot. */
  truncate?(length: number): void;
  dispose(): void;
}

/** Attention with its projections. */
export abstract class AttentionLayer extends Module {
  /**
   * @param x - `[B, T, C]`, from which the queries come
   * @param memory - `[B, S, C]`, from which keys and values come; `x` itself in self-attention
   * @returns `[B, T, C]`
   */
  abstract forward(x: Tensor, memory: Tensor, options?: AttendTo): Tensor;

  /** Keys and values of a memory, to be used by many steps of decoding. */
  abstract project(memory: Tensor): KeysAndValues;

  /** Attention of `x` to keys and values that are there already. */
  abstract attendTo(x: Tensor, memory: KeysAndValues, options?: AttendTo): Tensor;

  /**
   * Room for what decoding keeps of a layer of self-attention.
   *
   * @param like - gives device and element type
   */
  abstract makeCache(batch: number, room: number, like: Tensor): AttentionCache;

  /** One step of self-attention in decoding: the new tokens join the cache, made by this layer, and attend to all of it. */
  abstract step(x: Tensor, cache: AttentionCache, position?: AttentionPosition | null): Tensor;
}
