/** How good a model's output is: decodes examples and scores them with the metrics that are asked for. */
import { type Example, sourceOf } from '../data/examples.ts';
import type { TranslateOptions, Translation, Translator } from '../generate/translator.ts';
import { getMetric, type MetricOptions, type MetricReport } from '../metrics/registry.ts';
import type { DecodingSection } from './config/schema.ts';

/** Scores, and the translations that got them. */
export interface Evaluation {
  readonly reports: readonly MetricReport[];
  readonly translations: readonly Translation[];
}

/** The options of metrics in a section of an experiment. */
function metricOptions({
  lowercase,
  tokenize,
}: Pick<DecodingSection, 'lowercase' | 'tokenize'>): MetricOptions {
  return { ...(lowercase !== undefined && { lowercase }), ...(tokenize !== undefined && { tokenize }) };
}

/** The references of an example as outputs are compared with them. */
export function comparedReferences(
  { references }: Example,
  { normalizeReferences }: Pick<DecodingSection, 'normalizeReferences'>,
  { tokenizers }: Translator,
): string[] {
  return references.map((text) => (normalizeReferences ? tokenizers.target.normalize(text) : text));
}

/**
 * Decodes and scores.
 *
 * @param section - beam, penalty, metrics and their options; `maxExamples` takes the first ones
 */
export function evaluateExamples(
  translator: Translator,
  examples: readonly Example[],
  section: DecodingSection,
  options: TranslateOptions = {},
): Evaluation {
  const chosen = section.maxExamples === undefined ? examples : examples.slice(0, section.maxExamples);
  const translations = translator.translate(chosen.map(sourceOf), {
    beamSize: section.beamSize,
    lengthPenalty: section.lengthPenalty,
    ...options,
  });
  const hypotheses = translations.map(({ text }) => text);
  const references = chosen.map((example) => comparedReferences(example, section, translator));
  const reports = section.metrics.map((name) =>
    getMetric(name).compute(
      hypotheses,
      references,
      name === 'bleu' || name.startsWith('chrf') ? metricOptions(section) : {},
    ),
  );
  return { reports, translations };
}

/** Scores by metric name, or by the other name that `labels` gives it. */
export function scoresOf(
  reports: readonly MetricReport[],
  labels: Readonly<Record<string, string>> = {},
): Record<string, number> {
  return Object.fromEntries(reports.map(({ metric, score }) => [labels[metric] ?? metric, score]));
}
