/** What happens to examples that are longer than the model takes. */
import type { TokenPair } from './batching.ts';

/** Limits of length, and what happens beyond them. */
export interface LengthPolicy {
  /** Longest source in tokens. */
  readonly maxSourceLength: number;
  /** Longest target in tokens. */
  readonly maxTargetLength: number;
  /** Cut a side that is too long at its end, or leave the example out. */
  readonly policy: 'truncate' | 'skip';
}

/** What a length policy did. */
export interface LengthReport {
  readonly skipped: number;
  readonly truncated: number;
  /** Longest source and target before anything was cut or left out, in tokens. */
  readonly longest: { readonly source: number; readonly target: number };
}

/**
 * Applies a length policy and counts what it did. Give the ids before begin and end tokens are added, so that
 * cutting never loses an end token.
 *
 * @returns the examples that are left, in their order, and the counts
 */
export function applyLengthPolicy(
  pairs: readonly TokenPair[],
  { maxSourceLength, maxTargetLength, policy }: LengthPolicy,
): { kept: TokenPair[]; report: LengthReport } {
  const kept: TokenPair[] = [];
  const longest = { source: 0, target: 0 };
  let tooLong = 0;
  for (const pair of pairs) {
    const { source, target } = pair;
    longest.source = Math.max(longest.source, source.length);
    longest.target = Math.max(longest.target, target.length);
    const fits = source.length <= maxSourceLength && target.length <= maxTargetLength;
    if (!fits) tooLong++;
    if (fits) kept.push(pair);
    else if (policy === 'truncate') {
      kept.push({ source: source.slice(0, maxSourceLength), target: target.slice(0, maxTargetLength) });
    }
  }
  const report =
    policy === 'skip'
      ? { skipped: tooLong, truncated: 0, longest }
      : { skipped: 0, truncated: tooLong, longest };
  return { kept, report };
}
