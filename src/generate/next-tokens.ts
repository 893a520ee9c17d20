/** The likeliest next tokens of the texts of a session, from the session itself or from its logits. */
import { scope } from '../core/scope.ts';
import { noGrad } from '../core/tape.ts';
import type { Tensor } from '../core/tensor.ts';
import type { BestQuery, BestTokens } from '../models/encoder-decoder.ts';
import { gatherLast } from '../ops/gather/index.ts';
import { topK } from '../ops/reduce/max.ts';
import { logSoftmax } from '../ops/softmax/index.ts';
import type { DecodingSession } from './session.ts';

/** What a search asks for at each step. */
export interface NextQuery {
  /** Tokens for each text. */
  readonly count: number;
  readonly forbidden?: readonly number[] | undefined;
  /** Ids whose log-probability is needed too. */
  readonly wanted: readonly (number | undefined)[];
}

/**
 * Appends one token to each text of a session and finds the likeliest ones after it.
 *
 * @returns tokens `[rows, count]`, best first, their log-probabilities, and those of the wanted ids
 */
export function nextTokens(
  session: DecodingSession,
  tokens: readonly number[],
  query: NextQuery,
): BestTokens {
  const wanted = query.wanted.map((id) => id ?? -1);
  const whole = { count: query.count, forbidden: query.forbidden ?? [], wanted };
  return session.best?.(tokens, whole) ?? bestOf(session.step(tokens), whole);
}

/** The same from logits `[rows, V]`, which are disposed of. */
function bestOf(logits: Tensor, { count, forbidden, wanted }: BestQuery): BestTokens {
  const [rows, columns] = logits.shape as [number, number];
  forbid(logits, forbidden);
  return noGrad(() =>
    scope(() => {
      const all = logSoftmax(logits);
      const places = topK(all, Math.min(count, columns));
      const result = {
        tokens: Int32Array.from(places.data),
        logProbs: Float64Array.from(gatherLast(all, places).data),
        wanted: Float64Array.from({ length: rows }, (_, row) =>
          wanted[row]! < 0 ? 0 : all.data[row * columns + wanted[row]!]!,
        ),
      };
      logits.dispose();
      return result;
    }),
  );
}

/** Gives ids a logit of −∞ in every row of logits `[..., V]`. */
export function forbid(logits: Tensor, ids: readonly number[]): void {
  const columns = logits.shape.at(-1)!;
  for (let row = 0; row < logits.size / columns; row++)
    for (const id of ids) logits.data[row * columns + id] = Number.NEGATIVE_INFINITY;
}
