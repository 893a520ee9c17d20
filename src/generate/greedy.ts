/** Greedy decoding: the likeliest token at every step. */
import { scope } from '../core/scope.ts';
import { noGrad } from '../core/tape.ts';
import type { Tensor } from '../core/tensor.ts';
import { argmax } from '../ops/reduce/max.ts';
import { logSoftmax } from '../ops/softmax/index.ts';
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
function best(logits: Tensor, forced: readonly (number | undefined)[]): { token: number; logProb: number }[] {
  return noGrad(() =>
    scope(() => {
      const logProbs = logSoftmax(logits);
      const likeliest = argmax(logits);
      const columns = logits.shape[1]!;
      return forced.map((wanted, row) => {
        const token = wanted ?? likeliest.data[row]!;
        return { token, logProb: logProbs.data[row * columns + token]! };
      });
    }),
  );
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
    const logits = session.step(growing.map(({ tokens }) => tokens.at(-1) ?? options.bos));
    forbid(logits, options.forbidden);
    const forced = growing.map(({ text, tokens }) => options.prefixes?.[text]?.[tokens.length]);
    const chosen = best(logits, forced);
    logits.dispose();
    for (const [i, row] of growing.entries()) {
      const { token, logProb } = chosen[i]!;
      row.logProb += logProb;
      if (token !== options.eos) row.tokens.push(token);
      if (token === options.eos) finish(row, true);
      else if (row.tokens.length >= limitOf(options, row.text)) finish(row, false);
    }
    leave((row) => results[row.text] !== undefined);
  }
  return results;
}

/** Gives ids a logit of −∞ in every row. */
export function forbid(logits: Tensor, ids: readonly number[] = []): void {
  const [rows, columns] = logits.shape as [number, number];
  for (let row = 0; row < rows; row++)
    for (const id of ids) logits.data[row * columns + id] = Number.NEGATIVE_INFINITY;
}
