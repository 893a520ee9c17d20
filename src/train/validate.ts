/** Validation: loss of the validation pairs, and the decoded metrics that are asked for. */
import { Translator } from '../generate/translator.ts';
import { getMetric } from '../metrics/registry.ts';
import type { Experiment } from './config/schema.ts';
import { evaluateExamples, scoresOf } from './evaluate.ts';
import type { Prepared } from './prepare-run.ts';
import { epochBatches, makeBatch, Seq2SeqObjective } from './seq2seq.ts';
import type { ValidationResult } from './trainer.ts';

/** Loss without smoothing over the validation pairs, and the decoded metrics that are asked for. */
export function validate(experiment: Experiment, prepared: Prepared): ValidationResult {
  const { data, evaluation } = experiment;
  const { model, tokenizers, validation } = prepared;
  const metrics: Record<string, number> = {};
  if (validation.pairs.length > 0) {
    const objective = new Seq2SeqObjective(model, {
      padId: tokenizers.target.specialTokens.pad,
      labelSmoothing: 0,
    });
    const order = { seed: 0, epoch: 0, shuffle: false };
    const sums = epochBatches(validation.pairs, data, order).map((places) =>
      objective.evaluate(
        makeBatch(
          places.map((place) => validation.pairs[place]!),
          tokenizers,
        ),
      ),
    );
    metrics.loss = sums.reduce((t, { loss }) => t + loss, 0) / sums.reduce((t, { tokens }) => t + tokens, 0);
    metrics.perplexity = Math.exp(metrics.loss);
    const translator = new Translator(model, tokenizers);
    if (evaluation.metrics.length > 0) {
      const { reports } = evaluateExamples(translator, prepared.validationExamples, evaluation);
      Object.assign(metrics, scoresOf(reports, evaluation.labels));
    }
  }
  const value = metrics[evaluation.labels[evaluation.selectBy] ?? evaluation.selectBy] ?? 0;
  const higherIsBetter = evaluation.selectBy !== 'loss' && getMetric(evaluation.selectBy).higherIsBetter;
  return { metrics, badness: higherIsBetter ? -value : value };
}
