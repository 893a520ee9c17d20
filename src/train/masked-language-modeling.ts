/** Masked language modelling: the losses of hidden tokens in windows of a text, for training and for evaluation. */
import { scope } from '../core/scope.ts';
import { noGrad } from '../core/tape.ts';
import { type Tensor, tensor } from '../core/tensor.ts';
import { cutWindows, slidingWindows, type WindowBatch, type WindowSizes } from '../data/running-text.ts';
import {
  type MaskedTokens,
  type MaskingIds,
  type MaskingRates,
  maskingRandom,
  maskTokens,
} from '../data/token-masking.ts';
import type { MaskedLanguageModel } from '../models/masked-language-model.ts';
import { crossEntropy } from '../ops/cross-entropy/index.ts';
import { argmax } from '../ops/reduce/max.ts';

/** What is hidden, and how much. */
export interface Masking {
  readonly ids: MaskingIds;
  readonly rates: MaskingRates;
}

/** Windows with some of their tokens hidden. */
export interface MaskedBatch extends MaskedTokens {
  readonly windows: WindowBatch;
}

/** Hides tokens of a batch of windows; which ones depends on the arguments alone. */
export function maskWindows(
  text: Int32Array,
  windows: WindowBatch,
  { ids, rates }: Masking,
  chance: Parameters<typeof maskingRandom>,
): MaskedBatch {
  return { ...maskTokens(cutWindows(text, windows).inputs, ids, maskingRandom(...chance), rates), windows };
}

function tensorsOf({ windows, ids, places, labels }: MaskedBatch, { device }: MaskedLanguageModel) {
  const make = (values: Int32Array, shape: readonly number[]): Tensor =>
    tensor(values, shape, { dtype: 'int32', device });
  return {
    ids: make(ids, [windows.starts.length, windows.length]),
    places: make(places, [places.length]),
    labels: make(labels, [labels.length]),
  };
}

/** The loss of each hidden token of a batch, `[P]`. */
export function maskedLosses(model: MaskedLanguageModel, batch: MaskedBatch, labelSmoothing: number): Tensor {
  const { ids, places, labels } = tensorsOf(batch, model);
  return model.losses(ids, places, labels, { labelSmoothing });
}

/** What a masked language model scored on a text. */
export interface MaskedScore {
  /** Summed negative log-likelihood of the hidden tokens, nats. */
  readonly nll: number;
  /** Hidden tokens whose likeliest token is the right one. */
  readonly correct: number;
  readonly tokens: number;
}

/**
 * Scores a text in windows side by side, with the same tokens hidden every time.
 *
 * @param part - of the data: parts have masks of their own
 */
export function evaluateMasked(
  model: MaskedLanguageModel,
  text: Int32Array,
  sizes: WindowSizes,
  masking: Masking,
  part: string,
): MaskedScore {
  const score = { nll: 0, correct: 0, tokens: 0 };
  // Windows of `slidingWindows` leave room for the label after the last token; nothing is predicted beyond the end here.
  slidingWindows(text.length + 1, sizes).forEach((windows, place) => {
    const batch = maskWindows(text, windows, masking, [0, part, 0, place]);
    noGrad(() =>
      scope(() => {
        const { ids, places, labels } = tensorsOf(batch, model);
        const logits = model.logitsAt(model.encode(ids), places);
        const losses = crossEntropy(logits, labels).data;
        const best = argmax(logits).data;
        batch.labels.forEach((label, i) => {
          score.nll += losses[i]!;
          score.correct += Number(best[i] === label);
        });
        score.tokens += batch.labels.length;
      }),
    );
  });
  return score;
}
