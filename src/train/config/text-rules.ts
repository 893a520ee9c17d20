/** Rules of experiments on one running text. */
import { kindsFor } from '../../models/registry.ts';
import { readsTrees } from '../../models/transformer-config.ts';
import { configOf, isTransformer, modelRule, type Need } from './rules.ts';
import type { TextExperiment } from './schema.ts';

export function textRules(experiment: TextExperiment, need: Need): void {
  const { data, model, evaluation, tokenizer, training } = experiment;
  for (const field of ['scheduledSampling', 'reinforce'] as const)
    need(training[field] === undefined, `training.${field}`, 'expected with pairs of texts only');
  const { segmentLength, split, masking, corruption } = data;
  if (corruption) corruptionRules(experiment, need);
  else modelRule(experiment, ['language-model', 'masked-language-model'], 'a running text', need);
  const isMasked = kindsFor('masked-language-model').includes(model.kind);
  const masked = kindsFor('masked-language-model').join(', ');
  need(
    isMasked || !masking,
    'data.masking',
    `expected with a masked language model (${masked}), got kind "${model.kind}"`,
  );
  const sum = (masking?.mask ?? 0) + (masking?.random ?? 0);
  need(
    sum <= 1 + 1e-9,
    'data.masking',
    `expected shares of mask and random that sum to at most 1, got ${sum}`,
  );
  need(
    !isMasked || evaluation.stride === undefined,
    'evaluation.stride',
    'expected with a model of the next token only',
  );
  need(Boolean(data.path) !== Boolean(data.train), 'data', 'expected either `path`, or `train`');
  const isSplit = data.path !== undefined;
  for (const part of ['validation', 'test'] as const)
    need(!isSplit || data[part] === undefined, `data.${part}`, 'expected with `data.train` only');
  need(isSplit || !split, 'data.split', 'expected with `data.path` only');
  const held = (split?.validation ?? 0) + (split?.test ?? 0);
  need(held < 1, 'data.split', `expected shares that sum to less than 1, got ${held}`);
  need('shared' in tokenizer, 'tokenizer', 'expected `shared`: one tokenizer for the text');
  need(
    model.maxSeqLen === undefined || segmentLength <= model.maxSeqLen,
    'data.segmentLength',
    `expected at most ${model.maxSeqLen} (model.maxSeqLen), got ${segmentLength}`,
  );
  const { stride = segmentLength, metrics, test } = evaluation;
  need(
    stride <= segmentLength,
    'evaluation.stride',
    `expected at most ${segmentLength} (data.segmentLength), got ${stride}`,
  );
  const remembers = 'memoryLength' in model && (model.memoryLength as number) > 0;
  need(
    !remembers || stride === segmentLength,
    'evaluation.stride',
    'expected with a model without memory only',
  );
  need(
    corruption !== undefined || metrics.length + (test?.metrics.length ?? 0) === 0,
    'evaluation.metrics',
    'expected none: a language model reports loss and perplexity, and bitsPerCharacter or accuracy',
  );
}

/** Of hidden spans, which an encoder–decoder fills. */
function corruptionRules({ data, model, evaluation }: TextExperiment, need: Need): void {
  const isFitting = isTransformer(model) && !model.copy && !readsTrees(configOf(model));
  const got = isTransformer(model) ? 'one that copies or reads trees' : `"${model.kind}"`;
  need(isFitting, 'model.kind', `expected a plain transformer for hidden spans, got ${got}`);
  const room = data.segmentLength + 2;
  need(
    model.maxSeqLen === undefined || room <= model.maxSeqLen,
    'model.maxSeqLen',
    `expected at least ${room} (data.segmentLength, a sentinel and an end token), got ${model.maxSeqLen}`,
  );
  need(evaluation.stride === undefined, 'evaluation.stride', 'expected without data.corruption only');
}
