/** A trained model as a smaller one for use: quantised, saved, and scored before and after. */
import { ConfigError } from '../errors.ts';
import { checkWidths, modelBytes, quantize } from '../nn/quantize.ts';
import type { QuantizedType } from '../ops/quantized-linear/panels.ts';
import { saveCheckpoint } from './checkpoint.ts';
import type { Scoring } from './held-out.ts';
import type { StoredModel } from './load-model.ts';

/** Size and quality of a model. */
export interface ModelFigures {
  readonly bytes: number;
  /** By metric; empty without scoring. */
  readonly metrics: Readonly<Record<string, number>>;
}

/** A model before and after it was quantised. */
export interface QuantizeReport extends Pick<Scoring, 'unit'> {
  readonly dtype: QuantizedType;
  /** How many examples or tokens it was scored on. */
  readonly count: number;
  readonly before: ModelFigures;
  readonly after: ModelFigures;
}

/**
 * Quantises a loaded model in place and saves it as a model folder.
 *
 * @param options - `out` is the new folder; `scoring` gives what it is scored with before and after, and is asked once the model has
 *   been found fit
 * @throws {ConfigError} when it is quantised already, or a width does not fit; nothing has been written then
 */
export function quantizeModel(
  { model, tokenizers, checkpoint: { facts, path } }: StoredModel,
  options: {
    readonly dtype: QuantizedType;
    readonly out: string;
    readonly scoring: () => Scoring | undefined;
  },
): QuantizeReport {
  const { dtype, out } = options;
  if (facts.model.quantization !== undefined) {
    throw new ConfigError({
      where: path,
      expected: 'a model with float weights',
      got: `one that is quantised to ${facts.model.quantization} already`,
      hint: 'quantise the model that it was made from',
    });
  }
  checkWidths(model, dtype);
  const scoring = options.scoring();
  const figures = (): ModelFigures => ({ bytes: modelBytes(model), metrics: scoring?.score() ?? {} });
  const before = figures();
  quantize(model, { dtype });
  const after = figures();
  saveCheckpoint(out, {
    model: { ...facts.model, quantization: dtype },
    tokenizers,
    weights: model.stateDict(),
  });
  return { dtype, count: scoring?.count ?? 0, unit: scoring?.unit ?? 'examples', before, after };
}
