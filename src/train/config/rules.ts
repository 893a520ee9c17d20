/** What the rules of all sorts of experiments share. */
import type { ConfigIssue } from '../../errors.ts';
import { kindsFor, type ModelTask } from '../../models/registry.ts';
import {
  mechanismIssues,
  type TransformerConfig,
  transformerDefaults,
} from '../../models/transformer-config.ts';
import type { Experiment } from './schema.ts';

/** Notes an issue unless things are fine. */
export type Need = (fine: boolean, path: string, message: string) => void;

/** The kind of model fits the data. */
export function modelRule(
  { model }: Experiment,
  tasks: readonly ModelTask[],
  what: string,
  need: Need,
): void {
  const kinds = tasks.flatMap(kindsFor);
  const expected = `expected one of ${kinds.join(', ')} for ${what}, got "${model.kind}"`;
  need(kinds.includes(model.kind), 'model.kind', expected);
}

/** The section `model` of a Transformer. */
export type TransformerSection = Extract<Experiment['model'], { kind: 'transformer' }>;

export function isTransformer(model: Experiment['model']): model is TransformerSection {
  return model.kind === 'transformer';
}

/** What a section says, with vocabularies that are not known yet. */
export function configOf(model: TransformerSection): TransformerConfig {
  return { ...transformerDefaults, sourceVocabSize: 1, targetVocabSize: 1, ...model, finalNorm: false };
}

/** What does not go together in the section of a Transformer. */
export function transformerClashes(model: TransformerSection): ConfigIssue[] {
  if (model.headDim === undefined && model.dModel % model.numHeads !== 0) {
    const expected = `expected a divisor of dModel (${model.dModel}) or a headDim`;
    return [{ path: 'numHeads', message: `${expected}, got ${model.numHeads}` }];
  }
  return mechanismIssues(configOf(model));
}
