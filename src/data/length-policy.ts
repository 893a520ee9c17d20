/**
 * What happens to examples that are longer than the model takes: they are left out, or cut.
 *
 * Paper: Sun et al., How to Fine-Tune BERT for Text Classification?, 2019, §5.3.1, https://arxiv.org/abs/1905.05583
 */
import type { TokenPair } from './batching.ts';

/** Which part of a long text stays; each gives at most `limit` of its tokens, in their order. */
export const truncations = {
  /** The beginning. */
  head: <T>(tokens: readonly T[], limit: number): T[] => tokens.slice(0, limit),
  /** The end. */
  tail: <T>(tokens: readonly T[], limit: number): T[] => tokens.slice(tokens.length - limit),
  /** A quarter from the beginning (128 of 510 in the paper), the rest from the end. */
  'head-tail': <T>(tokens: readonly T[], limit: number): T[] => {
    const head = Math.round(limit / 4);
    return [...tokens.slice(0, head), ...tokens.slice(tokens.length - (limit - head))];
  },
} as const;

/** Names of the ways to cut. */
export type Truncation = keyof typeof truncations;

/** Names of the policies. */
export const lengthPolicies = ['skip', 'head', 'tail', 'head-tail'] as const;

/** Limits of length, and what happens beyond them. */
export interface LengthPolicy {
  /** Longest source in tokens. */
  readonly maxSourceLength: number;
  /** Longest target in tokens. */
  readonly maxTargetLength: number;
  /** Leave the example out, or cut a side that is too long. */
  readonly policy: (typeof lengthPolicies)[number];
}

/** What a length policy did. */
export interface LengthReport {
  readonly skipped: number;
  readonly truncated: number;
  /** Longest source and target before anything was cut or left out, in tokens. */
  readonly longest: { readonly source: number; readonly target: number };
}

/**
 * A text of at most `limit` tokens. Give the ids before begin and end tokens are added, so that none is lost.
 *
 * @param tokens - any length
 * @returns the tokens that stay, in their order; all of them when they fit
 * @example
 * truncate([1, 2, 3, 4, 5, 6, 7, 8], 4, 'head-tail'); // [1, 6, 7, 8]
 */
export function truncate<T>(tokens: readonly T[], limit: number, mode: Truncation): readonly T[] {
  return tokens.length <= limit ? tokens : truncations[mode](tokens, limit);
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
    const { source, target, structure } = pair;
    longest.source = Math.max(longest.source, source.length);
    longest.target = Math.max(longest.target, target.length);
    const fits = source.length <= maxSourceLength && target.length <= maxTargetLength;
    if (!fits) tooLong++;
    if (fits) kept.push(pair);
    else if (policy !== 'skip') {
      const shortened = <T>(tokens: readonly T[]): readonly T[] => truncate(tokens, maxSourceLength, policy);
      kept.push({
        source: shortened(source),
        target: truncate(target, maxTargetLength, policy),
        ...(structure && { structure: { ...structure, nodes: shortened(structure.nodes) } }),
      });
    }
  }
  const report =
    policy === 'skip'
      ? { skipped: tooLong, truncated: 0, longest }
      : { skipped: 0, truncated: tooLong, longest };
  return { kept, report };
}
