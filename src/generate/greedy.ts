/** Greedy decoding: the likeliest token at every step. */
import { grow } from './grow.ts';
import { nextTokens } from './next-tokens.ts';
import { checkDecodingOptions, type DecodingOptions, type Hypothesis } from './options.ts';
import type { DecodingSession } from './session.ts';

/**
 * Decodes every text of a session with the likeliest token at each step; of equal ones the lowest id.
 * Finished texts leave the batch.
 *
 * @returns one hypothesis for each text, in order
 * @throws {ConfigError} when an option cannot be used
 */
export function greedySearch(session: DecodingSession, options: DecodingOptions): Hypothesis[] {
  checkDecodingOptions(options);
  return grow(session, options, (last, texts) => {
    const wanted = texts.map(({ forced }) => forced);
    const found = nextTokens(session, last, { count: 1, forbidden: options.forbidden, wanted });
    return texts.map(({ forced }, row) =>
      forced === undefined
        ? { token: found.tokens[row]!, logProb: found.logProbs[row]! }
        : { token: forced, logProb: found.wanted[row]! },
    );
  });
}
