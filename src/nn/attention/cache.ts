/**
 * Keys and values that decoding keeps, so that each new token costs one step.
 *
 * Paper: Shazeer, Fast Transformer Decoding, 2019, https://arxiv.org/abs/1911.02150
 */
import { Tensor } from '../../core/tensor.ts';
import { ShapeError } from '../../errors.ts';
import { gatherRows, writeRows } from '../../ops/in-place.ts';

/** Grows by appending: the cache of self-attention. */
export class KeyValueCache {
  /** Tokens stored so far. */
  length = 0;
  keys: Tensor;
  values: Tensor;

  /**
   * @param batch - sequences
   * @param room - tokens that fit
   * @param like - gives device and element type
   */
  constructor(batch: number, room: number, keyWidth: number, valueWidth: number, like: Tensor) {
    const empty = (width: number): Tensor =>
      Tensor.empty([batch, room, width], like.dtype, like.device, 'KeyValueCache').keep();
    this.keys = empty(keyWidth);
    this.values = empty(valueWidth);
  }

  /**
   * Adds `[B, T, C]` keys and values after those that are there.
   *
   * @throws {ShapeError} when there is no room
   */
  append(keys: Tensor, values: Tensor): void {
    this.extend(keys.shape[1]!, (at) => {
      writeRows(this.keys, keys, at);
      writeRows(this.values, values, at);
    });
  }

  /**
   * As `append`, from the queries, keys and values of each token side by side, `[B, T, H·D + K·D + K·Dv]`.
   *
   * @throws {ShapeError} when there is no room
   */
  appendJoined(qkv: Tensor): void {
    const valuesAt = qkv.shape[2]! - this.values.shape[2]!;
    const keysAt = valuesAt - this.keys.shape[2]!;
    this.extend(qkv.shape[1]!, (at) => {
      writeRows(this.keys, qkv, at, keysAt);
      writeRows(this.values, qkv, at, valuesAt);
    });
  }

  private extend(added: number, write: (at: number) => void): void {
    const room = this.keys.shape[1]!;
    if (this.length + added > room) {
      throw new ShapeError({
        where: 'KeyValueCache',
        expected: `at most ${room} tokens`,
        got: `${this.length + added}`,
        hint: 'make the cache for the longest output that may come',
      });
    }
    write(this.length);
    this.length += added;
  }

  /**
   * Forgets the tokens from place `length` on.
   *
   * @throws {ShapeError} when there are fewer
   */
  truncate(length: number): void {
    if (length > this.length) {
      throw new ShapeError({
        where: 'KeyValueCache.truncate',
        expected: `at most the ${this.length} tokens that are there`,
        got: String(length),
      });
    }
    this.length = length;
  }

  /** Keeps the sequences at `places`, in that order; one may appear several times (beams) or not at all. */
  select(places: readonly number[]): void {
    this.keys = selected(this.keys, places);
    this.values = selected(this.values, places);
  }

  dispose(): void {
    this.keys.dispose();
    this.values.dispose();
  }
}

/** Entries of axis 0 of a kept tensor in a new order; the old tensor is freed. */
export function selected(source: Tensor, places: readonly number[]): Tensor {
  const shape = [places.length, ...source.shape.slice(1)];
  const target = Tensor.empty(shape, source.dtype, source.device, 'KeyValueCache').keep();
  gatherRows(target, source, places);
  source.dispose();
  return target;
}
