/** Rules of experiments on pairs of texts. */
import { positionChoice, readsTrees } from '../../models/transformer-config.ts';
import { kindOf } from '../../nn/variants.ts';
import { configOf, isTransformer, modelRule, type Need } from './rules.ts';
import type { PairExperiment } from './schema.ts';

export function pairRules(experiment: PairExperiment, need: Need): void {
  const { data, model, evaluation, tokenizer, training } = experiment;
  modelRule(experiment, ['translation'], 'pairs of texts', need);
  need(Boolean(data.all) !== Boolean(data.train), 'data', 'expected either `all` with `split`, or `train`');
  need(!data.all || Boolean(data.split), 'data.split', 'expected with `data.all`');
  need(evaluation.stride === undefined, 'evaluation.stride', 'expected with a running text only');
  const copies = model.kind === 'transformer' && model.copy;
  need(!copies || 'shared' in tokenizer, 'model.copy', 'expected `tokenizer.shared`: one vocabulary');
  const isBlockwise = model.kind === 'transformer' && model.blockwise !== undefined;
  need(
    !copies || !isBlockwise,
    'model.blockwise',
    'expected none with copy: heads for later tokens copy nothing',
  );
  const { labelSmoothing } = training;
  need(
    !copies || labelSmoothing === 0,
    'training.labelSmoothing',
    `expected 0 with model.copy, got ${labelSmoothing}`,
  );
  const config = isTransformer(model) ? configOf(model) : undefined;
  const isUnbounded =
    config &&
    (['encoder', 'decoder'] as const).every((role) => kindOf(positionChoice(config, role)) === 'none');
  const longest = Math.max(data.maxSourceLength, data.maxTargetLength) + 1;
  need(
    isUnbounded || longest <= (model.maxSeqLen ?? longest),
    'model.maxSeqLen',
    `expected at least ${longest} (the longest text and its end token), got ${model.maxSeqLen}`,
  );
  if (!config || !readsTrees(config)) return;
  for (const part of ['all', 'train', 'validation', 'test'] as const) {
    const format = data[part]?.format ?? 'conllu';
    const message = `expected conllu, sources with the trees that the model looks at, got "${format}"`;
    need(format === 'conllu', `data.${part}.format`, message);
  }
}
