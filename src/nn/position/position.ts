/** What position information does to a model: to its token vectors, and inside self-attention. */
import type { Tensor } from '../../core/tensor.ts';
import { ConfigError } from '../../errors.ts';
import type { RelativeScores } from '../../ops/attention/relative.ts';
import { add } from '../../ops/elementwise/binary.ts';
import { embedding } from '../../ops/embedding/index.ts';
import type { RotaryLayout } from '../../ops/rotary/index.ts';
import { slice } from '../../ops/shape/slice.ts';
import type { Mask } from '../attention/masks.ts';
import { Module } from '../module.ts';
import type { BatchStructure } from '../source-structure.ts';

/** Place of the first token; or the place of each, int32 `[1, T]`, in packed sequences. */
export type Places = number | Tensor;

/** What a kind of position information is made for: one stack of layers. */
export interface PositionSizes {
  /** Width of the token vectors. */
  readonly width: number;
  readonly maxSeqLen: number;
  readonly numLayers: number;
  readonly numHeads: number;
  /** Width of the queries and keys of a head, and of its values. */
  readonly headDim: number;
  readonly valueDim: number;
  /** Queries see no later keys. */
  readonly causal: boolean;
  /** Standard deviation of the first values of learned vectors; 1/√width by default. */
  readonly initializerStd?: number;
}

/** What a layer of self-attention says of itself. */
export interface RelativeSizes {
  /** Queries and keys of the longest sequence. */
  readonly queries: number;
  readonly keys: number;
  /** Sequences of the batch, packed or not. */
  readonly sequences: number;
  /** Factor on the products of queries and keys. */
  readonly scale: number;
}

/** The part that a layer's self-attention plays. */
export interface AttentionPosition {
  /** Queries `[B, T, H·D]` as they meet the keys. */
  query?(query: Tensor, places: Places): Tensor;
  /** Keys `[B, T, H·D]` as they meet the queries; what a cache holds. */
  key?(key: Tensor, places: Places): Tensor;
  /** Scores that are added, from the queries as they were projected. */
  scores?(query: Tensor, sizes: RelativeSizes): RelativeScores;
  /** What the weights summed by distance, `[B, T, H·W]`, add to the context `[B, T, H·Dv]`. */
  values?(bins: Tensor): Tensor;
}

/** Angles of every place: cosines, then sines, `[maxSeqLen, D]`. */
export interface Rotation {
  readonly table: Tensor;
  readonly layout: RotaryLayout;
}

/** Position information of a stack of layers. */
export abstract class Position extends Module {
  /**
   * The token vectors with their places worked in; as they are by default.
   *
   * @param x - `[B, T, C]`
   * @param _mask - `[B, 1, 1, T]`, true for tokens, where there is padding
   * @param _structure - the trees of the texts, where they have some
   */
  forward(
    x: Tensor,
    _places: Places = 0,
    _mask: Mask | null = null,
    _structure: BatchStructure | null = null,
  ): Tensor {
    return x;
  }

  /** The vectors that `forward` adds, `[maxSeqLen, C]`; null when it adds none, undefined when it does something else. */
  get addend(): Tensor | null | undefined {
    return undefined;
  }

  /** By what queries and keys are turned in every layer, where that is all it does; null otherwise. */
  get rotation(): Rotation | null {
    return null;
  }

  /** Its part in the self-attention of a layer; null when it plays none. */
  inAttention(_layer: number, _structure: BatchStructure | null = null): AttentionPosition | null {
    return null;
  }
}

/** Adds the rows of a table of vectors `[maxSeqLen, C]` that belong to the places of `x`. */
export function addRows(where: string, table: Tensor, x: Tensor, places: Places): Tensor {
  return add(x, rowsOf(where, table, x, places));
}

/** The rows of a table of vectors `[maxSeqLen, C]` that belong to the places of `x`: `[T, C]` or `[B, T, C]`. */
export function rowsOf(where: string, table: Tensor, x: Tensor, places: Places): Tensor {
  const room = table.shape[0]!;
  const end = lastPlace(x, places) + 1;
  if (end > room) throw tooManyPositions(where, end, room);
  return typeof places === 'number' ? slice(table, 0, places, end) : embedding(table, places);
}

/** The last place that a token of `x` `[B, T, C]` has. */
export function lastPlace(x: Tensor, places: Places): number {
  if (typeof places === 'number') return places + x.shape[1]! - 1;
  let last = -1;
  for (let i = 0; i < places.size; i++) last = Math.max(last, places.data[i]!);
  return last;
}

/** Not for users: the error of a text longer than a table of positions, whose length the configuration decides. */
export function tooManyPositions(where: string, needed: number, room: number): ConfigError {
  return new ConfigError({
    where,
    expected: `at most ${room} positions (maxSeqLen)`,
    got: `${needed}`,
    hint: 'shorten the text, or train with a larger maxSeqLen',
  });
}
