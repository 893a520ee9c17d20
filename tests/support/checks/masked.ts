/** What any right masking and any right masked language model do; each check throws when it does not. */
import { expect } from 'vitest';
import {
  backward,
  full,
  MaskedLanguageModel,
  type MaskedLanguageModelConfig,
  maskTokens,
  noGrad,
  Random,
  scope,
  tensor,
} from '../../../src/index.ts';
import { roundingOf } from '../devices.ts';
import { disturb } from '../models.ts';
import { expectNear, idTensor, leaf, rowOf } from '../numbers.ts';

const ids = { mask: 60, ordinary: [4, 60] } as const;

/** Tokens of which about a tenth are special. */
function drawnTokens(count: number): Int32Array {
  const random = new Random(5, 'tokens');
  return Int32Array.from({ length: count }, () =>
    random.uniform() < 0.1 ? random.integer(4) : 4 + random.integer(56),
  );
}

/** Five standard deviations of a binomial count around its mean. */
function expectCount(count: number, trials: number, probability: number, what: string): void {
  const deviation = Math.sqrt(trials * probability * (1 - probability));
  expect(Math.abs(count - trials * probability), `${what}: ${count} of ${trials}`).toBeLessThan(
    5 * deviation,
  );
}

/** The numbers of selected, hidden, replaced and kept tokens are those of independent draws; the labels are the text. */
export function maskedCountsAreBinomial(): void {
  const tokens = drawnTokens(100_000);
  const free = tokens.filter((id) => id >= 4).length;
  for (const [rate, mask, random] of [
    [0.15, 0.8, 0.1],
    [0.4, 0.3, 0.6],
  ] as const) {
    const masked = maskTokens(tokens, ids, new Random(1, 'mask'), { rate, mask, random });
    const selected = masked.places.length;
    expectCount(selected, free, rate, 'selected');
    const at = (test: (after: number, before: number) => boolean): number =>
      masked.places.filter((place) => test(masked.ids[place]!, tokens[place]!)).length;
    expectCount(
      at((after) => after === ids.mask),
      selected,
      mask,
      'hidden',
    );
    // One of 56 random tokens is the token itself.
    const replaced = random * (55 / 56);
    expectCount(
      at((after, before) => after !== before && after !== ids.mask),
      selected,
      replaced,
      'replaced',
    );
    expectCount(
      at((after, before) => after === before),
      selected,
      1 - mask - replaced,
      'kept',
    );
    expect([...masked.labels]).toEqual([...masked.places].map((place) => tokens[place]));
  }
}

/** Special tokens are never selected, never changed and never drawn; nothing changes at a place that is not selected. */
export function maskingSparesSpecials(): void {
  const tokens = drawnTokens(20_000);
  const { ids: after, places } = maskTokens(tokens, ids, new Random(2, 'mask'), { rate: 0.5 });
  const selected = new Set(places);
  const wrong = tokens.findIndex((id, place) => {
    if (!selected.has(place)) return after[place] !== id;
    return id < 4 || after[place]! < 4;
  });
  expect(wrong, `place ${wrong}, ${tokens[wrong]} became ${after[wrong]}`).toBe(-1);
}

const text = [
  [1, 5, 2, 8, 3],
  [7, 7, 0, 4, 6],
];
const chosen = [1, 4, 7];
const labels = [2, 8, 3];

export function tinyMasked(
  config: Partial<MaskedLanguageModelConfig> = {},
  device = 'reference',
): MaskedLanguageModel {
  const sizes = { vocabSize: 9, maxSeqLen: 16, dModel: 8, dFf: 10, numLayers: 2, numHeads: 2 };
  const rates = { dropout: 0, attentionDropout: 0 };
  const model = new MaskedLanguageModel(
    { ...sizes, ...rates, ...config },
    { random: new Random(3, 'init'), device },
  );
  return disturb(model, 3);
}

/** The losses are −log softmax of the logits at the chosen places, and there are no others. */
export function lossesAreThoseOfChosenPlaces(device = 'reference'): void {
  const model = tinyMasked({}, device).eval();
  noGrad(() =>
    scope(() => {
      const input = idTensor(text, device);
      const all = tensor([...Array(10).keys()], [10], { dtype: 'int32', device });
      const places = tensor(chosen, [3], { dtype: 'int32', device });
      const wanted = tensor(labels, [3], { dtype: 'int32', device });
      const { data } = model.logitsAt(model.encode(input), all);
      const slow = chosen.map((place, i) => {
        const row = rowOf(data, place, 9);
        return Math.log(row.reduce((sum, x) => sum + Math.exp(x), 0)) - row[labels[i]!]!;
      });
      const losses = model.losses(input, places, wanted, { labelSmoothing: 0 });
      expect(losses.shape).toEqual([3]);
      expectNear(losses.data, slow, roundingOf(device), 'losses');
    }),
  );
}

/** The gradient of the encoder's output is exactly 0 where nothing was chosen: no logits were made there. */
export function otherPlacesGetNoGradient(device = 'reference'): void {
  const model = tinyMasked({}, device);
  const places = tensor(chosen, [3], { dtype: 'int32', device });
  const wanted = tensor(labels, [3], { dtype: 'int32', device });
  const isZero = (values: ArrayLike<number>, place: number, width: number): boolean =>
    rowOf(values, place, width).every((value) => value === 0);
  const states = leaf([2, 5, 8], 4, 'states', device);
  const lossOf = model.lossesAt(states, places, wanted, { labelSmoothing: 0.1 });
  backward(lossOf, { grad: full(lossOf.shape, 1, { device }) });
  for (let place = 0; place < 10; place++)
    expect(isZero(states.grad!.data, place, 8), `place ${place}`).toBe(!chosen.includes(place));
}
