/** Rules of experiments on tagged sentences. */
import { modelRule, type Need } from './rules.ts';
import type { TaggingExperiment } from './schema.ts';

/** What selects among the states of a tagger. */
export const taggingMetrics = ['loss', 'accuracy', 'precision', 'recall', 'f1'];

export function taggingRules(experiment: TaggingExperiment, need: Need): void {
  const { data, evaluation, tokenizer, training } = experiment;
  modelRule(experiment, ['tagging'], 'tagged sentences', need);
  for (const field of ['scheduledSampling', 'reinforce'] as const)
    need(training[field] === undefined, `training.${field}`, 'expected with pairs of texts only');
  need(evaluation.stride === undefined, 'evaluation.stride', 'expected with a running text only');
  need(
    evaluation.metrics.length + (evaluation.test?.metrics.length ?? 0) === 0,
    'evaluation.metrics',
    'expected none: a tagger reports loss and accuracy, and precision, recall and f1 of spans',
  );
  need(
    data.tag !== data.token,
    'data.tag',
    `expected another column than that of the tokens (${data.token})`,
  );
  need('source' in tokenizer, 'tokenizer', 'expected `source` for the tokens and `target` for the tags');
  for (const [part, { kind }] of Object.entries(tokenizer))
    need(kind === 'word', `tokenizer.${part}.kind`, `expected word: one id for each, got "${kind}"`);
}
