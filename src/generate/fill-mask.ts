/** What may stand where a text has a mask, by a masked language model. */
import { scope } from '../core/scope.ts';
import { noGrad } from '../core/tape.ts';
import { tensor } from '../core/tensor.ts';
import { ConfigError } from '../errors.ts';
import type { MaskedLanguageModel } from '../models/masked-language-model.ts';
import { softmax } from '../ops/softmax/index.ts';
import type { Tokenizer } from '../tokenizers/types.ts';

/** A token for a masked place. */
export interface FilledMask {
  readonly id: number;
  readonly token: string;
  readonly probability: number;
}

/** A text with its masks filled. */
export interface FilledText {
  /** With the likeliest token in the place of each mask. */
  readonly text: string;
  /** For each mask, in order, its tokens, likeliest first. */
  readonly masks: readonly (readonly FilledMask[])[];
}

/** Ids of a text in which the mask's text stands for hidden tokens, and where they are. */
function encodeMasked(tokenizer: Tokenizer, text: string, mask: number) {
  const ids: number[] = [];
  const places: number[] = [];
  text.split(tokenizer.token(mask)).forEach((part, i) => {
    if (i > 0) places.push(ids.push(mask) - 1);
    ids.push(...tokenizer.encode(part));
  });
  return { ids, places };
}

/**
 * The likeliest tokens for each mask of a text; special tokens are left out.
 *
 * @param text - with the tokenizer's mask, `[MASK]`, for each hidden token
 * @param options - `topK`: tokens for each mask, 5 by default
 * @returns for each mask, in order, its tokens, likeliest first
 * @throws {ConfigError} when the tokenizer has no mask, the text has none, or it is longer than the model takes
 * @example
 * const [[best]] = fillMask(model, tokenizer, 'to be or not to [MASK]');
 */
export function fillMask(
  model: MaskedLanguageModel,
  tokenizer: Tokenizer,
  text: string,
  { topK = 5 }: { readonly topK?: number } = {},
): FilledMask[][] {
  return fill(model, tokenizer, text, topK).masks;
}

/**
 * A text with the likeliest token in the place of each mask; see `fillMask`.
 *
 * @example
 * fillText(model, tokenizer, 'to be or not to [MASK]').text; // 'to be or not to be'
 */
export function fillText(
  model: MaskedLanguageModel,
  tokenizer: Tokenizer,
  text: string,
  { topK = 5 }: { readonly topK?: number } = {},
): FilledText {
  const { ids, places, masks } = fill(model, tokenizer, text, topK);
  const filled = [...ids];
  for (const [i, place] of places.entries()) filled[place] = masks[i]![0]!.id;
  return { text: tokenizer.decode(filled), masks };
}

function fill(model: MaskedLanguageModel, tokenizer: Tokenizer, text: string, topK: number) {
  const { mask } = tokenizer.specialTokens;
  const fail = (expected: string, got: string, hint: string): never => {
    throw new ConfigError({ where: 'fillMask', expected, got, hint });
  };
  if (mask === undefined)
    return fail('a tokenizer with a mask token', 'one without', "train with model: { kind: 'masked-lm' }");
  const { ids, places } = encodeMasked(tokenizer, text, mask);
  const word = tokenizer.token(mask);
  if (places.length === 0)
    fail(`a text with ${word}`, JSON.stringify(text), `write ${word} for a hidden token`);
  if (ids.length > model.maxSeqLen)
    fail(`at most ${model.maxSeqLen} tokens (maxSeqLen)`, String(ids.length), 'shorten the text');
  const probabilities = probabilitiesAt(model, ids, places);
  const special = new Set(Object.values(tokenizer.specialTokens));
  const masks = probabilities.map((row) =>
    Array.from(row, (probability, id) => ({ id, probability }))
      .filter(({ id }) => !special.has(id) && id < tokenizer.vocabSize)
      .toSorted((a, b) => b.probability - a.probability)
      .slice(0, topK)
      .map(({ id, probability }): FilledMask => ({ id, token: tokenizer.token(id), probability })),
  );
  return { ids, places, masks };
}

/** Of every id at each place. */
function probabilitiesAt(
  model: MaskedLanguageModel,
  ids: readonly number[],
  places: readonly number[],
): Float64Array[] {
  return noGrad(() =>
    scope(() => {
      const options = { dtype: 'int32', device: model.device } as const;
      const states = model.encode(tensor(ids, [1, ids.length], options));
      const { data } = softmax(model.logitsAt(states, tensor(places, [places.length], options)));
      const width = data.length / places.length;
      return places.map((_, i) => Float64Array.from(data.subarray(i * width, (i + 1) * width)));
    }),
  );
}
