/** What holds of every detector. */
import { expect } from 'vitest';
import { Detector, type DetectorConfig, noGrad, Random, tensor } from '../../../src/index.ts';

/** A detector of images of 6 × 8 pixels, with 5 queries and 3 classes. */
export function smallDetector(config: Partial<DetectorConfig> = {}, device = 'reference'): Detector {
  const sizes = { height: 6, width: 8, patchSize: 2, numClasses: 3, numQueries: 5 };
  const small = { dModel: 8, dFf: 12, numHeads: 2, numEncoderLayers: 1, numDecoderLayers: 2 };
  return new Detector({ ...sizes, ...small, ...config }, { random: new Random(3, 'init'), device });
}

/** Queries in another order give the same answers in that order. */
export function detectorQueriesAreASet(): void {
  const model = smallDetector();
  const images = tensor(
    Array.from({ length: 96 }, (_, i) => Math.sin(3 * i)),
    [2, 6, 8, 1],
    { device: 'reference' },
  );
  const { numQueries, dModel } = model.config;
  const before = noGrad(() => model.forward(images));
  const rows = Array.from({ length: numQueries }, (_, i) =>
    model.queries.data.slice(i * dModel, (i + 1) * dModel),
  );
  rows.toReversed().forEach((row, i) => {
    model.queries.data.set(row, i * dModel);
  });
  const after = noGrad(() => model.forward(images));
  const rowOf = (values: ArrayLike<number>, row: number): number[] =>
    Array.from({ length: 4 }, (_, i) => values[4 * row + i]!); // classes and "nothing", and sides, are four
  for (const part of ['logits', 'boxes'] as const) {
    for (let row = 0; row < 2 * numQueries; row++) {
      const query = row % numQueries;
      const mirrored = row - query + numQueries - 1 - query;
      const differences = rowOf(before[part].data, row).map(
        (value, i) => value - rowOf(after[part].data, mirrored)[i]!,
      );
      expect(Math.max(...differences.map(Math.abs)), `${part} of query ${query}`).toBeLessThan(1e-12);
    }
  }
}
