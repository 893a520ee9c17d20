/**
 * Decoding several tokens with one pass of the model: somebody guesses the next tokens of each text, the model reads
 * the guesses in one pass and keeps them as far as it would have said them itself.
 *
 * Papers: Stern, Shazeer & Uszkoreit 2018, https://arxiv.org/abs/1811.03115 (greedy); Leviathan, Kalman & Matias 2022,
 * https://arxiv.org/abs/2211.17192 (sampling).
 */
import type { Tensor } from '../../core/tensor.ts';
import { hypothesisOf } from '../grow.ts';
import { forbid } from '../next-tokens.ts';
import { beginOf, checkDecodingOptions, type DecodingOptions, type Hypothesis, limitOf } from '../options.ts';
import { logProbOf } from '../sampling/sampler.ts';
import type { BlockSession } from '../session.ts';

/** A text that is not finished. */
export interface Draft {
  /** Its place in the batch at the start. */
  readonly text: number;
  /** Begin token and every token that is certain. */
  readonly known: readonly number[];
  /** Most tokens that may be guessed. */
  readonly room: number;
}

/** A guess at the tokens that come next. */
export interface Guess {
  readonly tokens: readonly number[];
  /** Probabilities `[V]` from which each was drawn; left out where nothing was drawn. */
  readonly probabilities?: readonly Float64Array[];
}

/** What the model said of a text in a pass: the logits `[V]` after a place of the block. */
export interface Seen {
  readonly draft: Draft;
  /** Row in the pass. */
  readonly row: number;
  /** Place in the block whose output gave the last certain token. */
  readonly place: number;
  /** Logits after each place of the block. */
  logitsAt(place: number): Float64Array;
  /** Tokens of the block. */
  readonly length: number;
}

/** Guesses tokens. */
export interface Guesser {
  /** The guesses for each text; none is fine. */
  guess(drafts: readonly Draft[]): readonly Guess[];
  /** Looks at what a pass said; the texts that go on, before the others leave. */
  learn?(seen: readonly Seen[]): void;
  /** Keeps the texts at `places`, in that order. */
  select?(places: readonly number[]): void;
}

/** Decides on the next token; a token other than the guess ends the block. */
export type Decide = (
  draft: Draft,
  logits: Float64Array,
  guess: { readonly token: number; readonly probabilities: Float64Array | undefined } | undefined,
) => number;

/** Decoded texts, and what they cost. */
export interface ParallelResult {
  readonly hypotheses: readonly Hypothesis[];
  /** Passes of the model over the batch. */
  readonly passes: number;
  /** Passes in which each text took part: those that it would need alone. */
  readonly textPasses: readonly number[];
  /** Tokens that were guessed, and those of them that were right. */
  readonly guessed: number;
  readonly accepted: number;
}

interface Row {
  readonly text: number;
  readonly known: number[];
  readonly limit: number;
  logProb: number;
  complete: boolean;
  passes: number;
}

const tokensOf = ({ known }: Row): number => known.length - 1;
const isOver = (row: Row): boolean => row.complete || tokensOf(row) >= row.limit;

/** One decoding of a batch. */
class Verification {
  private passes = 0;
  private guessed = 0;
  private accepted = 0;
  private readonly session: BlockSession;
  private readonly guesser: Guesser;
  private readonly decide: Decide;
  private readonly options: DecodingOptions;

  constructor(session: BlockSession, guesser: Guesser, decide: Decide, options: DecodingOptions) {
    this.session = session;
    this.guesser = guesser;
    this.decide = decide;
    this.options = options;
  }

  run(): ParallelResult {
    const { options } = this;
    const rows = Array.from(
      { length: this.session.rows },
      (_, text): Row => ({
        text,
        known: [beginOf(options, text)],
        limit: limitOf(options, text),
        logProb: 0,
        complete: false,
        passes: 0,
      }),
    );
    for (let live = this.leave(rows); live.length > 0; live = this.leave(live)) this.pass(live);
    const hypotheses = rows.map(({ known, logProb, complete }) =>
      hypothesisOf({ tokens: known.slice(1), logProb }, complete, options.lengthPenalty),
    );
    return {
      hypotheses,
      passes: this.passes,
      textPasses: rows.map((row) => row.passes),
      guessed: this.guessed,
      accepted: this.accepted,
    };
  }

  /** Takes finished texts out of the batch. */
  private leave(rows: readonly Row[]): Row[] {
    const places = [...rows.keys()].filter((i) => !isOver(rows[i]!));
    if (places.length < rows.length && places.length > 0) {
      this.session.select(places);
      this.guesser.select?.(places);
    }
    return places.map((i) => rows[i]!);
  }

  /** One pass over what is certain but not in the cache yet, and over the guesses. */
  private pass(rows: readonly Row[]): void {
    const { session } = this;
    const start = session.length;
    const drafts = rows.map((row) => this.draftOf(row));
    const guesses = this.guesser.guess(drafts).map(({ tokens, probabilities = [] }, i) => ({
      tokens: tokens.slice(0, drafts[i]!.room),
      probabilities,
    }));
    const blocks = rows.map(({ known }, i) => [...known.slice(start), ...guesses[i]!.tokens]);
    const width = Math.max(...blocks.map(({ length }) => length));
    // What fills up a shorter block comes after all that counts, and is taken back.
    const filled = blocks.map((block) => [
      ...block,
      ...new Array<number>(width - block.length).fill(block[0]!),
    ]);
    const logits = session.extend(filled);
    this.passes++;
    for (const row of rows) row.passes++;
    forbid(logits, this.options.forbidden ?? []);
    const seen = rows.map((row, i) => this.read(row, drafts[i]!, guesses[i]!, i, logits, start));
    this.guesser.learn?.(seen);
    logits.dispose();
    const live = rows.filter((row) => !isOver(row));
    if (live.length > 0) session.truncate(Math.min(...live.map(({ known }) => known.length - 1)));
  }

  private draftOf({ text, known, limit }: Row): Draft {
    return { text, known, room: limit - known.length };
  }

  /** Takes over what the model confirms of a guess, and the token that it says after it. */
  private read(
    row: Row,
    draft: Draft,
    guess: Required<Guess>,
    index: number,
    logits: Tensor,
    start: number,
  ): Seen {
    const [, width, vocab] = logits.shape as [number, number, number];
    const logitsAt = (place: number): Float64Array => {
      const from = (index * width + place) * vocab;
      return Float64Array.from(logits.data.subarray(from, from + vocab));
    };
    let place = row.known.length - start - 1;
    for (let i = 0; ; i++, place++) {
      const own = logitsAt(place);
      const token = this.next(row, draft, own, guess, i);
      row.logProb += logProbOf(own, token);
      if (i < guess.tokens.length) this.guessed++;
      const isConfirmed = guess.tokens[i] === token;
      if (isConfirmed) this.accepted++;
      if (token === this.options.eos) row.complete = true;
      else {
        row.known.push(token);
        this.options.onToken?.(row.text, token);
      }
      if (isOver(row) || !isConfirmed) break;
    }
    return { draft, row: index, place, logitsAt, length: width };
  }

  private next(row: Row, draft: Draft, logits: Float64Array, guess: Required<Guess>, i: number): number {
    const forced = this.options.prefixes?.[row.text]?.[tokensOf(row)];
    if (forced !== undefined) return forced;
    const token = guess.tokens[i];
    const probabilities = guess.probabilities[i];
    return this.decide(draft, logits, token === undefined ? undefined : { token, probabilities });
  }
}

/**
 * Decodes every text of a session with guesses.
 *
 * @throws {ConfigError} when an option cannot be used
 */
export function guessAndVerify(
  session: BlockSession,
  guesser: Guesser,
  decide: Decide,
  options: DecodingOptions,
): ParallelResult {
  checkDecodingOptions(options);
  return new Verification(session, guesser, decide, options).run();
}
