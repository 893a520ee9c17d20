/** Softmax and cross-entropy: inventory A3, g1, g2, g3. */
import { describe, expect, it } from 'vitest';
import { backward, crossEntropy, matmul, scale, softmax, sum, tensor } from '../../src/index.ts';
import {
  crossEntropyEqualsLoops,
  softmaxHasItsJacobian,
  softmaxIsADistribution,
} from '../support/checks/layers.ts';
import { itOnEachDevice } from '../support/devices.ts';
import { expectNear, gradientOf, largestDifference } from '../support/numbers.ts';

describe('softmax', () => {
  it('is a distribution that no constant changes', softmaxIsADistribution);
  it('has the Jacobian y (δ − y)', softmaxHasItsJacobian);

  itOnEachDevice('golden: of 3, 1, −3', (device) => {
    const weights = softmax(tensor([3, 1, -3], undefined, { device }));
    expect(largestDifference(weights.data, [0.8789, 0.1189, 0.0022])).toBeLessThan(5e-5);
  });

  itOnEachDevice('golden: scores 112 and 96, divided by 8 and not', (device) => {
    const scores = tensor([112, 96], undefined, { device });
    const scaled = softmax(scale(scores, 1 / Math.sqrt(64)));
    expect(largestDifference(scaled.data, [0.8808, 0.1192])).toBeLessThan(5e-5);
    const [, second] = softmax(scores).toArray() as [number, number];
    expect(second).toBeGreaterThan(1.1e-7);
    expect(second).toBeLessThan(1.2e-7);
  });

  itOnEachDevice('golden: weights .7, .1, .1, .1 over four regions', (device) => {
    const scores = tensor([[Math.log(7), 0, 0, 0]], undefined, { device });
    const regions = tensor([[1], [10], [100], [1000]], undefined, { device });
    expectNear(softmax(scores).data, [0.7, 0.1, 0.1, 0.1], 1e-6);
    expectNear(matmul(softmax(scores), regions).data, [0.7 + 1 + 10 + 100], 1e-6);
  });

  itOnEachDevice('on another axis sums to 1 there', (device) => {
    const columns = softmax(
      tensor(
        [
          [1, 5],
          [2, -3],
          [0, 4],
        ],
        undefined,
        { device },
      ),
      { axis: 0 },
    );
    for (const c of [0, 1]) {
      const total = [0, 1, 2].reduce((sum, r) => sum + columns.data[2 * r + c]!, 0);
      expect(Math.abs(total - 1)).toBeLessThan(1e-6);
    }
    expectNear(
      Array.from(columns.data).filter((_, i) => i % 2 === 0),
      [0.24473, 0.66524, 0.09003],
      1e-5,
    );
  });
});

describe('cross-entropy', () => {
  it('equals the loops with smoothing and ignored targets', crossEntropyEqualsLoops);

  it('is least where the distribution is the smoothed target', () => {
    // At p = (1−ε)·onehot + ε/V the gradient of the loss is 0 (Szegedy et al. 2015).
    const [classes, smoothing, target] = [5, 0.1, 3];
    const wanted = Array.from({ length: classes }, (_, c) =>
      Math.log((c === target ? 1 - smoothing : 0) + smoothing / classes),
    );
    const logits = tensor([wanted], undefined, { device: 'reference', requiresGrad: true });
    const targets = tensor([target], [1], { dtype: 'int32', device: 'reference' });
    backward(sum(crossEntropy(logits, targets, { labelSmoothing: smoothing })));
    expectNear(gradientOf(logits), new Array(classes).fill(0), 1e-15);
  });
});
