/** The loop that greedy decoding and sampling share: one token for each unfinished text at a step. */
import { beginOf, type DecodingOptions, type Hypothesis, lengthPenalty, limitOf } from './options.ts';
import type { DecodingSession } from './session.ts';

/** A text that is not finished. */
export interface Growing {
  /** Its place in the batch at the start. */
  readonly text: number;
  readonly tokens: readonly number[];
  /** The token that it must go on with, where it must. */
  readonly forced: number | undefined;
}

/** The next token of a text and its log-probability. */
export interface NextToken {
  readonly token: number;
  readonly logProb: number;
}

/** Appends the last token of each text to the session and says which one comes after it. */
export type Choose = (last: readonly number[], texts: readonly Growing[]) => readonly NextToken[];

interface Unfinished {
  readonly text: number;
  readonly tokens: number[];
  logProb: number;
}

/** What a text has become. */
export function hypothesisOf(
  { tokens, logProb }: { readonly tokens: readonly number[]; readonly logProb: number },
  complete: boolean,
  alpha: number | undefined,
): Hypothesis {
  const score = logProb / lengthPenalty(tokens.length + Number(complete), alpha);
  return { tokens, logProb, score, complete };
}

/**
 * Grows every text of a session until it ends or reaches its limit; finished texts leave the batch.
 *
 * @returns one hypothesis for each text, in order
 */
export function grow(session: DecodingSession, options: DecodingOptions, choose: Choose): Hypothesis[] {
  const results: Hypothesis[] = new Array(session.rows);
  let growing: Unfinished[] = Array.from({ length: session.rows }, (_, text) => ({
    text,
    tokens: [],
    logProb: 0,
  }));
  const finish = (row: Unfinished, complete: boolean): void => {
    results[row.text] = hypothesisOf(row, complete, options.lengthPenalty);
  };
  const leave = (): void => {
    if (growing.every(({ text }) => results[text] === undefined)) return;
    const stay = [...growing.keys()].filter((i) => results[growing[i]!.text] === undefined);
    growing = stay.map((i) => growing[i]!);
    if (stay.length > 0) session.select(stay);
  };

  for (const row of growing) if (limitOf(options, row.text) <= 0) finish(row, false);
  leave();
  while (growing.length > 0) {
    const texts = growing.map(({ text, tokens }) => ({
      text,
      tokens,
      forced: options.prefixes?.[text]?.[tokens.length],
    }));
    const last = growing.map(({ text, tokens }) => tokens.at(-1) ?? beginOf(options, text));
    const chosen = choose(last, texts);
    for (const [i, row] of growing.entries()) {
      const { token, logProb } = chosen[i]!;
      row.logProb += logProb;
      if (token !== options.eos) {
        row.tokens.push(token);
        options.onToken?.(row.text, token);
      }
      if (token === options.eos) finish(row, true);
      else if (row.tokens.length >= limitOf(options, row.text)) finish(row, false);
    }
    leave();
  }
  return results;
}
