/** Tokens in: inventory C1–C5, D1, D4, D6. */
import { describe, expect, it } from 'vitest';
import { Embedding, noGrad, Random } from '../../src/index.ts';
import {
  embeddingEqualsOneHot,
  paddingRowStaysZero,
  sinusoidsHaveTheirFrequencies,
  sinusoidsRotate,
} from '../support/checks/layers.ts';
import {
  learnedPositionsAreRows,
  tiedGradientIsTheSum,
  withoutPositionsOrderIsLost,
} from '../support/checks/model.ts';
import { PAD, tinyModel, trainOn } from '../support/models.ts';
import { expectNear, idTensor, norm, rowOf } from '../support/numbers.ts';

describe('embedding', () => {
  it(
    'equals the product with one-hot rows, scaled, and only used rows get a gradient (C1, C3)',
    embeddingEqualsOneHot,
  );
  it('leaves the padding row exactly 0 (C2)', paddingRowStaysZero);
  it('tied, gets the sum of the gradients of all its uses (C5)', tiedGradientIsTheSum);

  it('gives token vectors of the size of the positions when scaled by √C (C3)', () => {
    const [vocabSize, width] = [50, 256];
    const context = { random: new Random(1, 'scale'), device: 'reference' };
    const table = new Embedding(vocabSize, width, context, { scale: Math.sqrt(width) });
    const vectors = noGrad(() => table.forward(idTensor([Array.from({ length: vocabSize }, (_, i) => i)])));
    const norms = Array.from({ length: vocabSize }, (_, i) => norm(rowOf(vectors.data, i, width)));
    const mean = norms.reduce((a, b) => a + b, 0) / vocabSize;
    // N(0, 1/C) entries times √C: a norm of √C = 16, where a sinusoid has √(C/2) = 11.3.
    expect(mean).toBeGreaterThan(15.5);
    expect(mean).toBeLessThan(16.5);
  });

  it('of the untied model keeps its padding row at 0 through 100 updates (C2)', () => {
    const model = tinyModel({ tieEmbeddings: 'none', numEncoderLayers: 1, numDecoderLayers: 1 });
    const batch = { source: [[3, 5, PAD]], target: [[1, 6, PAD]], labels: [[6, 2, PAD]] };
    for (let step = 0; step < 100; step++) {
      const { gradients } = trainOn(model, batch);
      for (const [path, parameter] of model.namedParameters()) {
        gradients.get(path)?.forEach((g, i) => {
          parameter.data[i]! -= 0.02 * g;
        });
      }
    }
    for (const table of [model.sourceEmbedding, model.targetEmbedding]) {
      expect(rowOf(table.weight.data, PAD, 8)).toEqual(new Array(8).fill(0));
    }
    expect(trainOn(model, batch).loss).toBeLessThan(0.1);
  });

  it('of two equal tokens differs once positions are added (C4)', () => {
    const [plain, positioned] = [tinyModel({ position: 'none' }), tinyModel({ position: 'sinusoidal' })];
    const rows = (model: typeof plain): number[][] => {
      const x = noGrad(() => model.sourcePosition.forward(model.sourceEmbedding.forward(idTensor([[4, 4]]))));
      expect(x.shape).toEqual([1, 2, 8]);
      return [rowOf(x.data, 0, 8), rowOf(x.data, 1, 8)];
    };
    const [a, b] = rows(plain);
    expect(a).toEqual(b);
    const [c, d] = rows(positioned);
    expectNear(
      d!.map((value, i) => value - c![i]!),
      Array.from({ length: 8 }, (_, i) => {
        const angle = 10_000 ** (-(i - (i % 2)) / 8);
        return i % 2 ? Math.cos(angle) - 1 : Math.sin(angle);
      }),
      1e-12,
    );
  });
});

describe('positions', () => {
  it('sinusoids: a shift is a rotation, row 0 is 0 1 0 1 … (D4, g7)', sinusoidsRotate);
  it('sinusoids: the frequencies of the paper (D4)', sinusoidsHaveTheirFrequencies);
  it('learned: rows of a table that ends (D6)', learnedPositionsAreRows);
  it('none: the encoder does not see the order (D1)', withoutPositionsOrderIsLost);
});
