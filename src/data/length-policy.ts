/**
 * What happens to examples that are longer than the model takes: they are left out, or cut.
 *
 * Papers: Sun et al., How to Fine-Tune BERT for Text Classification?, 2019, §5.3.1, https://arxiv.org/abs/1905.05583
 * (head, tail, both); Liu et al., Generating Wikipedia by Summarizing Long Sequences, 2018, §3.2,
 * https://arxiv.org/abs/1801.10198 (key passages)
 */
import { ConfigError, expectName } from '../errors.ts';
import type { SourceStructure } from '../nn/source-structure.ts';
import { type Choice, kindOf, makeVariant, variant } from '../nn/variants.ts';
import type { TokenPair } from './batching.ts';
import { keyPlaces, passageSelectors, type TokenSpans } from './passages.ts';

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

/** A text of `length` tokens. */
interface LongText {
  readonly length: number;
  readonly spans?: (() => TokenSpans) | undefined;
}

/** Which tokens of a text stay: their places, rising, at most `limit` of them. */
type PlacesKept = (text: LongText, limit: number) => readonly number[];

const truncation = (mode: Truncation) =>
  variant(
    {},
    (): PlacesKept =>
      ({ length }, limit) =>
        truncate([...new Array(length).keys()], limit, mode),
  );

/** Ways to cut a text that is too long, by name. */
export const cuts = {
  head: truncation('head'),
  tail: truncation('tail'),
  'head-tail': truncation('head-tail'),
  'key-passages': variant(
    { selector: { type: 'choice', of: passageSelectors, default: 'tf-idf' } },
    ({ selector }): PlacesKept =>
      ({ spans }, limit) => {
        if (spans) return keyPlaces(spans(), selector, limit);
        const expected = 'the text and where its tokens stand in it (spans)';
        const hint = 'give spans with the ids, or cut with head, tail or head-tail';
        throw new ConfigError({ where: 'key-passages', expected, got: 'token ids only', hint });
      },
  ),
} as const;

/** What can be done about examples that are too long, by name. */
export const lengthPolicies = { skip: variant({}, () => undefined), ...cuts } as const;

/** A policy's name, or a group of `kind` and its options. */
export type LengthPolicyChoice = Choice<typeof lengthPolicies>;

/** How sources that are too long are cut: in training, and of the trained model in use. */
export interface SourceCut {
  /** Most tokens of a source, its end token not counted. */
  readonly maxLength: number;
  readonly policy: Choice<typeof cuts>;
}

/** A source as tokens, before it is cut. */
export interface SourceTokens {
  readonly source: readonly number[];
  readonly structure?: SourceStructure;
  /** The text and where its tokens stand in it; key passages are picked from it. */
  readonly spans?: () => TokenSpans;
}

/** Limits of length, and what happens beyond them. */
export interface LengthPolicy {
  /** Longest source in tokens. */
  readonly maxSourceLength: number;
  /** Longest target in tokens. */
  readonly maxTargetLength: number;
  /** Leave the example out, or cut a side that is too long; of a target, key passages are its beginning. */
  readonly policy: LengthPolicyChoice;
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
 * @throws {ConfigError} when the mode is unknown
 * @example
 * truncate([1, 2, 3, 4, 5, 6, 7, 8], 4, 'head-tail'); // [1, 6, 7, 8]
 */
export function truncate<T>(tokens: readonly T[], limit: number, mode: Truncation): readonly T[] {
  expectName('truncate: mode', mode, Object.keys(truncations));
  return tokens.length <= limit ? tokens : truncations[mode](tokens, limit);
}

/** How a policy cuts sources; undefined where it leaves examples out. */
export function sourceCutOf({
  maxSourceLength,
  policy,
}: Pick<LengthPolicy, 'maxSourceLength' | 'policy'>): SourceCut | undefined {
  if (kindOf(policy) === 'skip') return undefined;
  return { maxLength: maxSourceLength, policy: policy as SourceCut['policy'] };
}

/**
 * A source of at most `maxLength` tokens, and their nodes in its tree. Give the ids before the end token is added.
 *
 * @returns all of it when it fits
 * @throws {ConfigError} when key passages are wanted of ids without their text
 * @example
 * cutSource({ source: [4, 5, 6, 7] }, { maxLength: 2, policy: 'tail' }).source; // [6, 7]
 */
export function cutSource(
  { source, structure, spans }: SourceTokens,
  { maxLength, policy }: SourceCut,
): Pick<TokenPair, 'source' | 'structure'> {
  const { length } = source;
  if (length <= maxLength) return { source, ...(structure && { structure }) };
  const places = makeVariant('cutSource: policy', cuts, policy)({ length, spans }, maxLength);
  const kept = (list: readonly number[]): number[] => places.map((place) => list[place]!);
  return {
    source: kept(source),
    ...(structure && { structure: { ...structure, nodes: kept(structure.nodes) } }),
  };
}

/** A pair before it is cut. */
export type LongPair = SourceTokens & Pick<TokenPair, 'target'>;

/**
 * Applies a length policy and counts what it did. Give the ids before begin and end tokens are added, so that
 * cutting never loses an end token.
 *
 * @returns the examples that are left, in their order, and the counts
 * @throws {ConfigError} when key passages are wanted of ids without their text
 */
export function applyLengthPolicy(
  pairs: readonly LongPair[],
  { maxSourceLength, maxTargetLength, policy }: LengthPolicy,
): { kept: TokenPair[]; report: LengthReport } {
  const kept: TokenPair[] = [];
  const longest = { source: 0, target: 0 };
  let tooLong = 0;
  const cut = sourceCutOf({ maxSourceLength, policy });
  const kind = kindOf(policy);
  const ofTarget = Object.hasOwn(truncations, kind) ? (kind as Truncation) : 'head';
  for (const pair of pairs) {
    const { source, target } = pair;
    longest.source = Math.max(longest.source, source.length);
    longest.target = Math.max(longest.target, target.length);
    const fits = source.length <= maxSourceLength && target.length <= maxTargetLength;
    if (!fits) tooLong++;
    if (!fits && !cut) continue;
    kept.push({
      ...cutSource(pair, cut ?? { maxLength: maxSourceLength, policy: 'head' }),
      target: truncate(target, maxTargetLength, ofTarget),
    });
  }
  const report = cut
    ? { skipped: 0, truncated: tooLong, longest }
    : { skipped: tooLong, truncated: 0, longest };
  return { kept, report };
}
