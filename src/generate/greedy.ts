/** Greedy decoding: the likeliest token at every step. */
import type { BestTokens } from '../models/encoder-decoder.ts';
import { nextTokens } from './next-tokens.ts';
import {
  checkDecodingOptions,
  type DecodingOptions,
  type Hypothesis,
  lengthPenalty,
  limitOf,
} from './options.ts';
import type { DecodingSession } from './session.ts';

interface Growing {
  readonly text: number;
  readonly tokens: number[];
  logProb: number;
}

/** The likeliest token of each row, or the forced one, and its log-probability. */
function chosen(
  { tokens, logProbs, wanted }: BestTokens,
  forced: readonly (number | undefined)[],
  row: number,
) {
  const token = forced[row];
  return token === undefined
    ? { token: tokens[row]!, logProb: logProbs[row]! }
    : { token, logProb: wanted[row]! };
}

/**
 * Decodes every text of a session with the likeliest token at each step; of equal ones the lowest id.
 * Finished texts leave the batch.
 *
 * @returns one hypothesis for each text, in order
 * @throws {ConfigError} when an option cannot be used
 */
export function greedySearch(session: DecodingSession, options: DecodingOptions): Hypothesis[] {
  checkDecodingOptions(options);
  const results: Hypothesis[] = new Array(session.rows);
  let growing: Growing[] = Array.from({ length: session.rows }, (_, text) => ({
    text,
    tokens: [],
    logProb: 0,
  }));
  const finish = ({ text, tokens, logProb }: Growing, complete: boolean): void => {
    const score = logProb / lengthPenalty(tokens.length + Number(complete), options.lengthPenalty);
    results[text] = { tokens, logProb, score, complete };
  };
  const leave = (isDone: (row: Growing, i: number) => boolean): void => {
    const stay = growing.map((row, i) => (isDone(row, i) ? -1 : i)).filter((i) => i >= 0);
    if (stay.length === growing.length) return;
    growing = stay.map((i) => growing[i]!);
    if (stay.length > 0) session.select(stay);
  };

  for (const row of growing) if (limitOf(options, row.text) <= 0) finish(row, false);
  leave((row) => results[row.text] !== undefined);
  while (growing.length > 0) {
    const forced = growing.map(({ text, tokens }) => options.prefixes?.[text]?.[tokens.length]);
    const last = growing.map(({ tokens }) => tokens.at(-1) ?? options.bos);
    const found = nextTokens(session, last, { count: 1, forbidden: options.forbidden, wanted: forced });
    for (const [i, row] of growing.entries()) {
      const { token, logProb } = chosen(found, forced, i);
      row.logProb += logProb;
      if (token !== options.eos) row.tokens.push(token);
      if (token === options.eos) finish(row, true);
      else if (row.tokens.length >= limitOf(options, row.text)) finish(row, false);
    }
    leave((row) => results[row.text] !== undefined);
  }
  return results;
}
