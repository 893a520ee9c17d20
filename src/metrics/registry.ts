/** Every corpus metric by its name on the command line. Every score is in percent, the error rates too. */
import { ConfigError, suggest } from '../errors.ts';
import { bleu, bleuStatistics } from './bleu.ts';
import type { BleuOptions } from './bleu-options.ts';
import { type ChrfOptions, chrf, chrfStatistics } from './chrf.ts';
import type { ItemStatistics, References } from './corpus.ts';
import {
  type ErrorUnit,
  errorRate,
  errorRateStatistics,
  exactMatch,
  exactMatchStatistics,
} from './error-rates.ts';

/** Options of all metrics together; each reads those that it knows. */
export type MetricOptions = BleuOptions & ChrfOptions;

/** What every metric answers. */
export interface MetricReport {
  /** Name in the registry. */
  readonly metric: string;
  /** In percent. */
  readonly score: number;
  /** How it was computed. */
  readonly signature: string;
  /** What the score was made of. */
  readonly details: Readonly<Record<string, unknown>>;
}

/** A metric of a corpus. */
export interface Metric {
  readonly name: string;
  /** False for error rates. */
  readonly higherIsBetter: boolean;
  /** Scores a corpus; `references[i]` lists the references of hypothesis i. */
  compute(hypotheses: readonly string[], references: References, options?: MetricOptions): MetricReport;
  /** The same by item, for `bootstrapInterval` and `pairedBootstrap`. */
  itemStatistics(
    hypotheses: readonly string[],
    references: References,
    options?: MetricOptions,
  ): ItemStatistics;
}

/**
 * Metrics by name: `bleu`, `chrf`, `chrf++`, `wer`, `per`, `cer`, `exact-match`, `ser`.
 *
 * @example
 * metrics.get('chrf++')?.compute(['the cat'], [['the cat']]).score; // 100
 */
export const metrics: ReadonlyMap<string, Metric> = new Map(
  [
    bleuMetric(),
    chrfMetric('chrf', 0),
    chrfMetric('chrf++', 2),
    errorRateMetric('wer', 'word'),
    errorRateMetric('per', 'phoneme'),
    errorRateMetric('cer', 'character'),
    exactMatchMetric(),
    itemErrorMetric(),
  ].map((metric) => [metric.name, metric]),
);

/**
 * The metric of that name.
 *
 * @throws ConfigError that names the nearest one when there is none
 */
export function getMetric(name: string): Metric {
  const metric = metrics.get(name);
  if (metric) return metric;
  const known = [...metrics.keys()];
  throw new ConfigError({
    where: 'metrics',
    expected: 'a metric',
    got: `"${name}"`,
    hint: suggest(name, known),
  });
}

function bleuMetric(): Metric {
  return {
    name: 'bleu',
    higherIsBetter: true,
    compute: (hypotheses, references, options) => report('bleu', bleu(hypotheses, references, options)),
    itemStatistics: bleuStatistics,
  };
}

function chrfMetric(name: string, wordOrder: number): Metric {
  return {
    name,
    higherIsBetter: true,
    compute: (hypotheses, references, options) =>
      report(name, chrf(hypotheses, references, { wordOrder, ...options })),
    itemStatistics: (hypotheses, references, options) =>
      chrfStatistics(hypotheses, references, { wordOrder, ...options }),
  };
}

function errorRateMetric(name: string, unit: ErrorUnit): Metric {
  return {
    name,
    higherIsBetter: false,
    compute: (hypotheses, references, options) => {
      const { items, ...totals } = errorRate(unit, hypotheses, references, options);
      return report(name, { ...totals, items: items.length });
    },
    itemStatistics: (hypotheses, references, options) =>
      errorRateStatistics(unit, hypotheses, references, options),
  };
}

function exactMatchMetric(): Metric {
  return {
    name: 'exact-match',
    higherIsBetter: true,
    compute: (hypotheses, references, options) =>
      report('exact-match', exactMatch(hypotheses, references, options)),
    itemStatistics: exactMatchStatistics,
  };
}

/** Share of items without a match: the sentence error rate, called word error rate where an item is a word. */
function itemErrorMetric(): Metric {
  return {
    name: 'ser',
    higherIsBetter: false,
    compute: (hypotheses, references, options) => {
      const { errorRate: score, ...match } = exactMatch(hypotheses, references, options);
      return report('ser', { ...match, score });
    },
    itemStatistics: (hypotheses, references, options) => {
      const matches = exactMatchStatistics(hypotheses, references, options);
      return { rows: matches.rows, score: (sum) => 100 - matches.score(sum) };
    },
  };
}

function report<R extends { readonly score: number; readonly signature: string }>(
  metric: string,
  { score, signature, ...details }: R,
): MetricReport {
  return { metric, score, signature, details };
}
