/** What decoding asks of a model: logits for the next token of many unfinished texts. */
import { scope } from '../core/scope.ts';
import { noGrad } from '../core/tape.ts';
import { type Tensor, tensor } from '../core/tensor.ts';
import { HeedError } from '../errors.ts';
import { type BestQuery, type BestTokens, FusedDecoder } from '../models/fused-decoder.ts';
import type { Transformer } from '../models/transformer.ts';
import type { TransformerCache } from '../models/transformer-cache.ts';
import { paddingMask } from '../nn/attention/masks.ts';

/** A batch of texts that grow token by token. */
export interface DecodingSession {
  /** Texts in the batch. */
  readonly rows: number;
  /** Appends one token to each text and gives the logits after it, `[rows, V]`. */
  step(tokens: readonly number[]): Tensor;
  /** The likeliest tokens after appending one to each text; left out, or undefined, where only `step` knows. */
  best?(tokens: readonly number[], query: BestQuery): BestTokens | undefined;
  /** Keeps the texts at `places`, in that order; one may be taken several times or not at all. */
  select(places: readonly number[]): void;
  dispose(): void;
}

/** Source ids of a batch, padded. */
export interface SourceBatch {
  /** `[B · S]` */
  readonly ids: Int32Array;
  /** `[B · S]`, 1 for tokens */
  readonly mask: Uint8Array;
  readonly batch: number;
  readonly length: number;
}

/** How a session decodes. */
export interface SessionOptions {
  /** Asks for a session of `best` only, with at most so many tokens for each text: the faster way where it is known. */
  readonly best?: number;
}

/** Decoding with the Transformer: the sources are encoded once, keys and values are kept. */
export class TransformerSession implements DecodingSession {
  rows: number;
  private readonly model: Transformer;
  private readonly state: TransformerCache | FusedDecoder;

  /** @param room - most target tokens that will come, begin token included */
  constructor(
    model: Transformer,
    { ids, mask, batch, length }: SourceBatch,
    room: number,
    { best }: SessionOptions = {},
  ) {
    this.model = model;
    this.rows = batch;
    const device = model.sourceEmbedding.weight.device;
    this.state = noGrad(() =>
      scope(() => {
        const source = tensor(ids, [batch, length], { dtype: 'int32', device });
        const isPadded = mask.includes(0);
        const sourceMask = isPadded ? paddingMask(mask, batch, length, { device }) : null;
        const memory = model.encode(source, sourceMask);
        return best !== undefined && FusedDecoder.knows(model, best)
          ? new FusedDecoder(model, memory, sourceMask, room)
          : model.startDecoding(memory, sourceMask, room);
      }),
    );
  }

  /** @throws {HeedError} in a session that was made for `best` */
  step(tokens: readonly number[]): Tensor {
    const { state } = this;
    if (state instanceof FusedDecoder) {
      throw new HeedError({
        where: 'TransformerSession',
        problem: 'this session gives the likeliest tokens only, not all logits',
        hint: 'make it without `best`',
      });
    }
    const device = this.model.sourceEmbedding.weight.device;
    return noGrad(() =>
      scope(() => {
        const ids = tensor(Int32Array.from(tokens), [tokens.length, 1], { dtype: 'int32', device });
        return this.model.step(ids, state);
      }),
    );
  }

  best(tokens: readonly number[], query: BestQuery): BestTokens | undefined {
    return this.state instanceof FusedDecoder ? this.state.step(tokens, query) : undefined;
  }

  select(places: readonly number[]): void {
    const unchanged = places.length === this.rows && places.every((place, i) => place === i);
    if (!unchanged) this.state.select(places);
    this.rows = places.length;
  }

  dispose(): void {
    this.state.dispose();
  }
}
