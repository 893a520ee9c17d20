/** What decoding with the Transformer keeps between steps. */
import type { Tensor } from '../core/tensor.ts';
import { HeedError } from '../errors.ts';
import { selected } from '../nn/attention/cache.ts';
import type { AttentionCache, KeysAndValues } from '../nn/attention/layer.ts';
import { asMask, type Mask } from '../nn/attention/masks.ts';

/** What decoding keeps of one layer. */
export interface LayerCache {
  readonly self: AttentionCache;
  cross: KeysAndValues;
}

/** Encoder states `[B, S, C]` and ids `[B, S]` from which a model copies. */
interface CopiedSource {
  readonly memory: Tensor;
  readonly ids: Tensor;
}

/** What decoding keeps of a batch: grows by a token a step, follows the beams. */
export class TransformerCache {
  readonly layers: readonly LayerCache[];
  memoryMask: Mask | null;
  /** What can be copied, or null. */
  source: CopiedSource | null;
  /** Which of the sources that were given each row is for; undefined before the first selection. */
  private sources: readonly number[] | undefined;

  constructor(layers: readonly LayerCache[], memoryMask: Mask | null, source: CopiedSource | null = null) {
    this.layers = layers;
    this.memoryMask = memoryMask;
    this.source = source;
  }

  /** Target tokens so far. */
  get length(): number {
    return this.layers[0]?.self.length ?? 0;
  }

  /** Keeps the sequences at `places`, in that order. */
  select(places: readonly number[]): void {
    for (const layer of this.layers) layer.self.select(places);
    if (this.changeSources(places)) this.selectSources(places);
  }

  /** Whether rows get other sources: beams of one text that change places do not. */
  private changeSources(places: readonly number[]): boolean {
    const rows = this.layers[0]?.cross.keys.shape[0] ?? 0;
    const before = this.sources ?? Array.from({ length: rows }, (_, row) => row);
    this.sources = places.map((place) => before[place]!);
    return (
      this.sources.length !== before.length || this.sources.some((source, row) => source !== before[row])
    );
  }

  private selectSources(places: readonly number[]): void {
    for (const layer of this.layers) {
      layer.cross = {
        keys: selected(layer.cross.keys, places),
        values: selected(layer.cross.values, places),
      };
    }
    if (this.memoryMask) this.memoryMask = asMask(selected(this.memoryMask, places));
    if (this.source) {
      const { memory, ids } = this.source;
      this.source = { memory: selected(memory, places), ids: selected(ids, places) };
    }
  }

  /**
   * Forgets the target tokens from place `length` on.
   *
   * @throws {HeedError} when an attention layer cannot
   */
  truncate(length: number): void {
    truncateCaches(
      this.layers.map(({ self }) => self),
      length,
    );
  }

  dispose(): void {
    this.memoryMask?.dispose();
    this.source?.memory.dispose();
    this.source?.ids.dispose();
    for (const { self, cross } of this.layers) {
      self.dispose();
      cross.keys.dispose();
      cross.values.dispose();
    }
  }
}

/**
 * Forgets the tokens of all layers from place `length` on.
 *
 * @throws {HeedError} when an attention layer cannot
 */
export function truncateCaches(caches: readonly AttentionCache[], length: number): void {
  for (const cache of caches) {
    if (!cache.truncate) {
      throw new HeedError({
        where: 'truncate',
        problem: 'this kind of attention keeps no single tokens, so that none can be taken back',
        hint: 'decode one token at a time',
      });
    }
    cache.truncate(length);
  }
}
