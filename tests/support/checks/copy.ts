/** What copying must keep. */
import { expect } from 'vitest';
import { noGrad } from '../../../src/index.ts';
import { tinyModel } from '../models.ts';
import { idTensor, rowOf } from '../numbers.ts';

/** Probabilities of a source with words beyond the vocabulary sum to 1, and every such word has some. */
export function copiesSumToOne(device = 'reference'): void {
  const model = tinyModel({ copy: { unknownId: 3 } }, device).eval();
  const source = idTensor([[4, 9, 5, 10, 9]], device);
  const logProbs = noGrad(() => model.forward(source, idTensor([[1, 9, 4]], device)));
  expect(logProbs.shape).toEqual([1, 3, 11]);
  for (let t = 0; t < 3; t++) {
    const row = rowOf(logProbs.data, t, 11).map(Math.exp);
    expect(row.reduce((total, p) => total + p, 0)).toBeCloseTo(1, device === 'reference' ? 9 : 5);
    expect(Math.min(row[9]!, row[10]!)).toBeGreaterThan(1e-6);
  }
}
