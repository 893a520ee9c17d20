/** What decoding asks of a model: logits for the next token of many unfinished texts. */
import type { Device } from '../core/device.ts';
import { scope } from '../core/scope.ts';
import { noGrad } from '../core/tape.ts';
import { type Tensor, tensor } from '../core/tensor.ts';
import { HeedError } from '../errors.ts';
import type {
  BestQuery,
  BestTokens,
  DecodingState,
  EncoderDecoder,
  SourceBatch,
} from '../models/encoder-decoder.ts';

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

/** A session that takes several tokens at once, and takes some of them back. */
export interface BlockSession extends DecodingSession {
  /** Tokens of each text so far, the begin token counted. */
  readonly length: number;
  /** Appends T tokens to each text and gives the logits after each of them, `[rows, T, V]`. */
  extend(tokens: readonly (readonly number[])[]): Tensor;
  /** Forgets the tokens from place `length` on. */
  truncate(length: number): void;
}

/** How a session decodes. */
export interface SessionOptions {
  /** Asks for a session of `best` only, with at most so many tokens for each text: the faster way where it is known. */
  readonly best?: number;
}

/** Decoding with a model: the sources are encoded once, what the model remembers of each text is kept. */
export class ModelSession implements BlockSession {
  rows: number;
  length = 0;
  private readonly device: Device;
  private readonly state: DecodingState;

  /** @param room - most target tokens that will come, begin token included */
  constructor(model: EncoderDecoder, sources: SourceBatch, room: number, { best }: SessionOptions = {}) {
    this.device = model.device;
    this.rows = sources.batch;
    this.state = noGrad(() => scope(() => model.decodingOf(sources, room, best)));
  }

  /** @throws {HeedError} in a session that was made for `best` */
  step(tokens: readonly number[]): Tensor {
    const { state, device } = this;
    if (!state.step) {
      throw new HeedError({
        where: 'ModelSession',
        problem: 'this session gives the likeliest tokens only, not all logits',
        hint: 'make it without `best`',
      });
    }
    const logits = noGrad(() =>
      scope(() => {
        const ids = tensor(Int32Array.from(tokens), [tokens.length, 1], { dtype: 'int32', device });
        return state.step!(ids);
      }),
    );
    this.length++;
    return logits;
  }

  best(tokens: readonly number[], query: BestQuery): BestTokens | undefined {
    const found = this.state.best?.(tokens, query);
    if (found) this.length++;
    return found;
  }

  /** @throws {HeedError} when the model takes one token at a time only */
  extend(tokens: readonly (readonly number[])[]): Tensor {
    const { state, device } = this;
    if (!state.extend) throw oneAtATime('ModelSession', oneAtATimeHint);
    const shape = [tokens.length, tokens[0]!.length];
    const logits = noGrad(() =>
      scope(() => state.extend!(tensor(tokens.flat(), shape, { dtype: 'int32', device }))),
    );
    this.length += shape[1]!;
    return logits;
  }

  /**
   * As `extend`, with the tokens after the next one that heads of the model say: `ahead[row][place]`.
   *
   * @throws {HeedError} when the model has no such heads
   */
  extendAhead(tokens: readonly (readonly number[])[]) {
    const { state, device } = this;
    if (!state.extendAhead) throw withoutHeads();
    const [rows, width] = [tokens.length, tokens[0]!.length];
    const { logits, ahead } = noGrad(() =>
      scope(() => state.extendAhead!(tensor(tokens.flat(), [rows, width], { dtype: 'int32', device }))),
    );
    this.length += width;
    const said = tokens.map((block, row) =>
      block.map((_, place) => ahead.map(({ data }) => data[row * width + place]!)),
    );
    for (const head of ahead) head.dispose();
    return { logits, ahead: said };
  }

  /** @throws {HeedError} when the model cannot take tokens back */
  truncate(length: number): void {
    if (!this.state.truncate) throw oneAtATime('ModelSession', oneAtATimeHint);
    if (length < this.length) this.state.truncate(length);
    this.length = length;
  }

  select(places: readonly number[]): void {
    if (!keepsPlaces(places, this.rows)) this.state.select(places);
    this.rows = places.length;
  }

  dispose(): void {
    this.state.dispose();
  }
}

/** Whether a selection leaves each of the `rows` texts where it is, so that nothing has to be copied. */
export function keepsPlaces(places: readonly number[], rows: number): boolean {
  return places.length === rows && places.every((place, row) => place === row);
}

function withoutHeads(): HeedError {
  return new HeedError({
    where: 'ModelSession',
    problem: 'this model has no heads for later tokens',
    hint: 'train it with `blockwise` in the section model',
  });
}

const oneAtATimeHint = 'make it without `best`, with a model whose attention keeps every token';

/** The error of a session that cannot do what blocks of tokens need. */
export function oneAtATime(where: string, hint: string): HeedError {
  return new HeedError({ where, problem: 'this session takes one token at a time and none back', hint });
}
