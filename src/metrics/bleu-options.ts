/** The options of BLEU, checked. */
import { type ConfigIssue, refuseIssues, suggest } from '../errors.ts';
import { type BleuTokenizer, bleuTokenizers } from './bleu-tokenizers.ts';

/** Names of the smoothing methods, as they stand in a signature. */
export const bleuSmoothings = ['exp', 'floor', 'add-k', 'none'] as const;

/**
 * What an order without a match counts: `exp` 1/2, 1/4 … of a match, `floor` a fixed share of one; `add-k` adds to
 * matches and n-grams of every order from 2; `none` makes the score 0.
 */
export type BleuSmoothing = (typeof bleuSmoothings)[number];

/** Options of BLEU; the defaults are sacreBLEU's. */
export interface BleuOptions {
  /** Default `13a`. */
  readonly tokenize?: BleuTokenizer;
  /** Default `exp`. */
  readonly smooth?: BleuSmoothing;
  /** For `floor` (default 0.1) and `add-k` (default 1) only. */
  readonly smoothValue?: number;
  /** Lower-cases both sides first; default false. */
  readonly lowercase?: boolean;
  /** Leaves out orders that the hypothesis has no n-gram of; default false for a corpus, true for a sentence. */
  readonly effectiveOrder?: boolean;
  /** N; default 4. */
  readonly maxNgramOrder?: number;
}

/** Options with every default filled in. */
export type BleuSettings = Required<BleuOptions>;

const smoothDefaults: Readonly<Record<BleuSmoothing, number | undefined>> = {
  exp: undefined,
  floor: 0.1,
  'add-k': 1,
  none: undefined,
};

/**
 * Fills in the defaults.
 *
 * @throws ConfigError that lists every wrong option
 */
export function bleuSettings(where: string, options: BleuOptions): BleuSettings {
  const { tokenize = '13a', smooth = 'exp', smoothValue, maxNgramOrder = 4 } = options;
  const issues: ConfigIssue[] = [];
  if (!bleuTokenizers.includes(tokenize)) {
    issues.push({ path: 'tokenize', message: `unknown "${tokenize}"; ${suggest(tokenize, bleuTokenizers)}` });
  }
  if (!bleuSmoothings.includes(smooth)) {
    issues.push({ path: 'smooth', message: `unknown "${smooth}"; ${suggest(smooth, bleuSmoothings)}` });
  } else if (smoothValue !== undefined && smoothDefaults[smooth] === undefined) {
    issues.push({
      path: 'smoothValue',
      message: `smoothing "${smooth}" takes none, only floor and add-k do`,
    });
  }
  if (smoothValue !== undefined && !(smoothValue >= 0 && smoothValue < Infinity)) {
    issues.push({ path: 'smoothValue', message: `expected a number ≥ 0, got ${smoothValue}` });
  }
  if (!Number.isInteger(maxNgramOrder) || maxNgramOrder < 1) {
    issues.push({ path: 'maxNgramOrder', message: `expected an integer ≥ 1, got ${maxNgramOrder}` });
  }
  refuseIssues(where, issues);
  return {
    tokenize,
    smooth,
    smoothValue: smoothValue ?? smoothDefaults[smooth] ?? 0,
    lowercase: options.lowercase ?? false,
    effectiveOrder: options.effectiveOrder ?? false,
    maxNgramOrder,
  };
}

/** `exp`, `none`, `floor[0.10]` or `add-k[1.00]`. */
export function smoothingSignature({ smooth, smoothValue }: BleuSettings): string {
  return smoothDefaults[smooth] === undefined ? smooth : `${smooth}[${smoothValue.toFixed(2)}]`;
}
