/** Options of sampling, checked as a whole, and the processors that they stand for. */
import { type ConfigIssue, refuseIssues, suggest } from '../../errors.ts';
import {
  cutBelowEpsilon,
  cutBelowEta,
  divideByTemperature,
  forbidEarlyEnd,
  forbidRepeatedNgrams,
  keepMinP,
  keepTopK,
  keepTopP,
  keepTypical,
  type LogitsProcessor,
  penalizeOccurrences,
  penalizeRepetition,
} from './processors.ts';

/** How tokens are drawn; whatever is left out changes nothing. They apply in the order in which they stand here. */
export interface SamplingOptions {
  /** θ > 0 on the logits of tokens that came; 1 changes nothing. */
  readonly repetitionPenalty?: number;
  /** Taken once from the logit of a token that came. */
  readonly presencePenalty?: number;
  /** Taken from the logit of a token for each time that it came. */
  readonly frequencyPenalty?: number;
  /** No sequence of so many tokens comes twice. */
  readonly noRepeatNgramSize?: number;
  /** No text ends with fewer tokens. */
  readonly minNewTokens?: number;
  /** T ≥ 0; 0 takes the likeliest token. */
  readonly temperature?: number;
  /** Only so many of the likeliest tokens. */
  readonly topK?: number;
  /** Only the smallest set of likeliest tokens with this much probability, above 0 and at most 1. */
  readonly topP?: number;
  /** Only tokens at least so many times as likely as the likeliest, 0 … 1. */
  readonly minP?: number;
  /** Only the most typical tokens with this much probability, above 0 and at most 1. */
  readonly typicalP?: number;
  /** Only tokens of at least this probability, 0 … 1. */
  readonly epsilonCutoff?: number;
  /** As `epsilonCutoff`, but lower where the distribution is flat. */
  readonly etaCutoff?: number;
  /** The same seed gives the same texts. Default 0. */
  readonly seed?: number;
}

type Field = keyof SamplingOptions;

interface Rule {
  readonly expected: string;
  readonly fits: (value: number) => boolean;
}

const isWhole = (least: number) => (n: number) => Number.isSafeInteger(n) && n >= least;
const aRealNumber: Rule = { expected: 'a number', fits: Number.isFinite };
const aShare: Rule = { expected: 'a number from 0 to 1', fits: (n) => n >= 0 && n <= 1 };
const aMass: Rule = { expected: 'a number above 0 and at most 1', fits: (n) => n > 0 && n <= 1 };
const aCount: Rule = { expected: 'a whole number of at least 1', fits: isWhole(1) };

const rules: Readonly<Record<Field, Rule>> = {
  repetitionPenalty: { expected: 'a number above 0', fits: (n) => n > 0 && Number.isFinite(n) },
  presencePenalty: aRealNumber,
  frequencyPenalty: aRealNumber,
  noRepeatNgramSize: aCount,
  minNewTokens: { expected: 'a whole number of at least 0', fits: isWhole(0) },
  temperature: { expected: 'a number of at least 0', fits: (n) => n >= 0 && Number.isFinite(n) },
  topK: aCount,
  topP: aMass,
  minP: aShare,
  typicalP: aMass,
  epsilonCutoff: aShare,
  etaCutoff: aShare,
  seed: { expected: 'a whole number', fits: Number.isSafeInteger },
};

/** What is wrong with the values of options. */
function valueIssues(options: SamplingOptions): ConfigIssue[] {
  return (Object.keys(rules) as Field[]).flatMap((path) => {
    const value = options[path];
    const { expected, fits } = rules[path];
    return value === undefined || fits(value)
      ? []
      : [{ path, message: `expected ${expected}, got ${value}` }];
  });
}

/**
 * Checks the options of sampling.
 *
 * @throws {ConfigError} listing every option that is unknown or cannot be used
 */
export function checkSamplingOptions(options: SamplingOptions): void {
  const known = Object.keys(rules);
  const unknown = Object.keys(options).filter((path) => !known.includes(path));
  const message = (path: string): string => `unknown option; ${suggest(path, known)}`;
  refuseIssues('sampling', [
    ...unknown.map((path) => ({ path, message: message(path) })),
    ...valueIssues(options),
  ]);
}

/**
 * The processors of the options, in the order in which they apply.
 *
 * @param options - other fields beside them are passed over
 * @param eos - id that ends a text
 * @throws {ConfigError} listing every option that cannot be used
 */
export function processorsOf(options: SamplingOptions, eos: number): LogitsProcessor[] {
  refuseIssues('sampling', valueIssues(options));
  const { temperature = 1, presencePenalty = 0, frequencyPenalty = 0 } = options;
  const given = <T>(value: T | undefined, make: (value: T) => LogitsProcessor): LogitsProcessor[] =>
    value === undefined ? [] : [make(value)];
  return [
    ...given(options.repetitionPenalty, penalizeRepetition),
    ...(presencePenalty || frequencyPenalty ? [penalizeOccurrences(presencePenalty, frequencyPenalty)] : []),
    ...given(options.noRepeatNgramSize, forbidRepeatedNgrams),
    ...given(options.minNewTokens, (least) => forbidEarlyEnd(least, eos)),
    temperature === 0 ? keepTopK(1) : divideByTemperature(temperature),
    ...given(options.topK, keepTopK),
    ...given(options.topP, (p) => keepTopP(p)),
    ...given(options.minP, keepMinP),
    ...given(options.typicalP, keepTypical),
    ...given(options.epsilonCutoff, cutBelowEpsilon),
    ...given(options.etaCutoff, cutBelowEta),
  ];
}
