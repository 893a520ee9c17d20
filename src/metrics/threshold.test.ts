import fc from 'fast-check';
import { expect, test } from 'vitest';
import { tuneThreshold } from './threshold.ts';

/** F1 and accuracy of one threshold, from their definitions. */
function slow(scores: readonly number[], labels: readonly boolean[], threshold: number) {
  const said = scores.map((score) => score >= threshold);
  const right = said.filter((yes, i) => yes && labels[i]).length;
  const precision = right / said.filter(Boolean).length;
  const recall = right / labels.filter(Boolean).length;
  return {
    f1: right === 0 ? 0 : (200 * precision * recall) / (precision + recall),
    accuracy: (100 * said.filter((yes, i) => yes === labels[i]).length) / scores.length,
  };
}

test('no other threshold does better (J14)', () => {
  const example = fc.tuple(fc.integer({ min: 0, max: 8 }), fc.boolean());
  fc.assert(
    fc.property(fc.array(example, { minLength: 1, maxLength: 12 }), (examples) => {
      const scores = examples.map(([score]) => score / 8);
      const labels = examples.map(([, label]) => label);
      for (const goal of ['f1', 'accuracy'] as const) {
        const { threshold, score } = tuneThreshold(scores, labels, goal);
        expect(slow(scores, labels, threshold)[goal]).toBeCloseTo(score, 10);
        const all = [...scores, Number.POSITIVE_INFINITY].map((other) => slow(scores, labels, other)[goal]);
        expect(score).toBeCloseTo(Math.max(...all), 10);
      }
    }),
  );
  expect(tuneThreshold([0.9, 0.4, 0.35, 0.1], [true, true, false, false])).toEqual({
    threshold: 0.4,
    score: 100,
  });
});

test('a threshold refuses scores without labels (J14)', () => {
  expect(() => tuneThreshold([], [])).toThrow(
    'tuneThreshold: expected a label for each of at least one score, got 0 scores',
  );
  expect(() => tuneThreshold([1], [])).toThrow('got 1 scores and 0 labels');
});
