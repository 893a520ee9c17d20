/** What language models keep of texts that grow: keys and values of every layer, or the last inputs of every layer. */
import type { Tensor } from '../core/tensor.ts';
import { selected } from '../nn/attention/cache.ts';
import type { AttentionCache } from '../nn/attention/layer.ts';
import { remembered } from './segment-memory.ts';
import { truncateCaches } from './transformer-cache.ts';

/** What a language model keeps of the texts that it continues. */
export interface TextCache {
  /** Tokens so far. */
  readonly length: number;
  /** Keeps the texts at `places`, in that order. */
  select(places: readonly number[]): void;
  /** Forgets the tokens from place `length` on; absent where earlier states are gone. */
  truncate?(length: number): void;
  dispose(): void;
}

/** What the attention of every layer keeps, mostly keys and values: grows by a token a step. */
export class AttentionCaches implements TextCache {
  readonly layers: readonly AttentionCache[];

  constructor(layers: readonly AttentionCache[]) {
    this.layers = layers;
  }

  get length(): number {
    return this.layers[0]!.length;
  }

  select(places: readonly number[]): void {
    for (const layer of this.layers) layer.select(places);
  }

  /** @throws {HeedError} when an attention layer cannot */
  truncate(length: number): void {
    truncateCaches(this.layers, length);
  }

  dispose(): void {
    for (const layer of this.layers) layer.dispose();
  }
}

/** The last inputs of every layer, `[B, R, C]`: does not grow. */
export class InputCaches implements TextCache {
  length = 0;
  /** Zeros stand where a text has not begun. */
  readonly layers: Tensor[];

  constructor(layers: readonly Tensor[]) {
    this.layers = [...layers];
  }

  /** The input `[B, T, C]` of a layer joins what is kept of it, and as many rows leave. */
  push(layer: number, input: Tensor): void {
    const before = this.layers[layer]!;
    this.layers[layer] = remembered(before, input, before.shape[1]!);
    before.dispose();
  }

  select(places: readonly number[]): void {
    for (const [i, layer] of this.layers.entries()) this.layers[i] = selected(layer, places);
  }

  dispose(): void {
    for (const layer of this.layers) layer.dispose();
  }
}
