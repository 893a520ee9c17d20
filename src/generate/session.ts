/** What decoding asks of a model: logits for the next token of many unfinished texts. */
import { scope } from '../core/scope.ts';
import { noGrad } from '../core/tape.ts';
import { type Tensor, tensor } from '../core/tensor.ts';
import type { Transformer } from '../models/transformer.ts';
import type { TransformerCache } from '../models/transformer-cache.ts';
import { paddingMask } from '../nn/attention/masks.ts';

/** A batch of texts that grow token by token. */
export interface DecodingSession {
  /** Texts in the batch. */
  readonly rows: number;
  /** Appends one token to each text and gives the logits after it, `[rows, V]`. */
  step(tokens: readonly number[]): Tensor;
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

/** Decoding with the Transformer: the sources are encoded once, keys and values are kept. */
export class TransformerSession implements DecodingSession {
  rows: number;
  private readonly model: Transformer;
  private readonly cache: TransformerCache;

  /** @param room - most target tokens that will come, begin token included */
  constructor(model: Transformer, { ids, mask, batch, length }: SourceBatch, room: number) {
    this.model = model;
    this.rows = batch;
    const device = model.sourceEmbedding.weight.device;
    this.cache = noGrad(() =>
      scope(() => {
        const source = tensor(ids, [batch, length], { dtype: 'int32', device });
        const isPadded = mask.includes(0);
        const sourceMask = isPadded ? paddingMask(mask, batch, length, { device }) : null;
        return model.startDecoding(model.encode(source, sourceMask), sourceMask, room);
      }),
    );
  }

  step(tokens: readonly number[]): Tensor {
    const device = this.model.sourceEmbedding.weight.device;
    return noGrad(() =>
      scope(() => {
        const ids = tensor(Int32Array.from(tokens), [tokens.length, 1], { dtype: 'int32', device });
        return this.model.step(ids, this.cache);
      }),
    );
  }

  select(places: readonly number[]): void {
    const unchanged = places.length === this.rows && places.every((place, i) => place === i);
    if (!unchanged) this.cache.select(places);
    this.rows = places.length;
  }

  dispose(): void {
    this.cache.dispose();
  }
}
