/** Attention that is drawn to the diagonal, only moves forward, or knows where it was: inventory E18. */
import { describe, expect, it } from 'vitest';
import {
  backward,
  guidedAttentionLoss,
  LocationAwareAttention,
  MonotonicAttention,
  mask,
  Random,
  type Tensor,
  tensor,
} from '../../src/index.ts';
import { monotonicEqualsPaths } from '../support/checks/recurrent.ts';
import { itOnEachDevice, roundingOf } from '../support/devices.ts';
import { disturb } from '../support/models.ts';
import { expectNear, gradientOf, leaf, rowOf } from '../support/numbers.ts';
import { enumeratedAlignment } from '../support/slow-recurrent.ts';

const context = (device = 'reference') => ({ random: new Random(5, 'alignment'), device });

describe('guided attention (E18)', () => {
  itOnEachDevice('costs 1 − exp(−(n/N − t/T)² / 2g²), the mean over what is not padding', (device) => {
    const [batch, T, S, g] = [2, 4, 5, 0.3];
    const weights = leaf([batch, T, S], 1, 'weights', device);
    const lengths = { queryLengths: [4, 2], keyLengths: [3, 5] };
    const loss = guidedAttentionLoss(weights, { width: g, ...lengths });
    backward(loss);
    const [expected, pairs] = [new Float64Array(batch * T * S), 4 * 3 + 2 * 5];
    for (let b = 0; b < batch; b++) {
      const [queries, keys] = [lengths.queryLengths[b]!, lengths.keyLengths[b]!];
      for (let t = 0; t < queries; t++) {
        for (let n = 0; n < keys; n++) {
          const cost = 1 - Math.exp(-((n / keys - t / queries) ** 2) / (2 * g ** 2));
          expected[(b * T + t) * S + n] = cost / pairs;
        }
      }
    }
    expectNear(gradientOf(weights), expected, roundingOf(device), 'W / pairs');
    const total = expected.reduce((sum, w, i) => sum + w * weights.data[i]!, 0);
    expectNear([loss.item()], [total], roundingOf(device), 'loss');
  });

  it('costs nothing on the diagonal and almost 1 in the corners', () => {
    const square = (at: (t: number, s: number) => boolean): Tensor =>
      tensor(
        Array.from({ length: 100 }, (_, i) => Number(at(Math.floor(i / 10), i % 10))),
        [1, 10, 10],
        { device: 'reference' },
      );
    expect(guidedAttentionLoss(square((t, s) => t === s)).item()).toBe(0);
    const corner = 100 * guidedAttentionLoss(square((t, s) => t === 0 && s === 9)).item();
    expect(corner).toBeCloseTo(1 - Math.exp(-(0.9 ** 2) / (2 * 0.2 ** 2)), 12);
    expect(() =>
      guidedAttentionLoss(
        square(() => true),
        { keyLengths: [1, 2] },
      ),
    ).toThrowError(/lengths of 1 entries/);
  });
});

describe('monotonic attention (E18)', () => {
  it('stops as the sum over all paths says (E18)', monotonicEqualsPaths);

  it('uses the expectation of its own probabilities', () => {
    const module = disturb(new MonotonicAttention({ queryWidth: 3, memoryWidth: 4 }, context()), 1);
    const [states, memory] = [leaf([1, 3, 3], 1, 'states'), leaf([1, 4, 4], 1, 'memory')];
    const first = (of: Tensor, row: number, width: number): Tensor =>
      tensor(rowOf(of.data, row, width), [1, 1, width], of);
    const visible = mask([1, 1, 1, 0], [1, 1, 4], { device: states.device });
    const { weights, context: seen } = module.forward(states, memory, visible);
    // A memory of one place: the weight of the first output is its own probability.
    const p = [0, 1, 2].map((t) =>
      [0, 1, 2, 3].map((s) =>
        s === 3 ? 0 : module.forward(first(states, t, 3), first(memory, s, 4)).weights.item(),
      ),
    );
    const expected = enumeratedAlignment(p);
    expectNear(weights.data, expected.flat(), 1e-12, 'weights');
    const contexts = expected.flatMap((row) =>
      [0, 1, 2, 3].map((c) => row.reduce((sum, w, s) => sum + w * memory.data[s * 4 + c]!, 0)),
    );
    expectNear(seen.data, contexts, 1e-12, 'contexts');
    for (const t of [0, 1, 2]) {
      for (const from of [0, 1, 2, 3]) {
        const stop = [0, 1, 2, 3].find(
          (s) => s >= from && module.forward(first(states, t, 3), first(memory, s, 4)).weights.item() >= 0.5,
        );
        expect(module.stop(first(states, t, 3), memory, from)).toBe(stop ?? 4);
      }
    }
  });
});

describe('location-aware attention (E18)', () => {
  itOnEachDevice('scores vᵀ tanh(W s + V h + U (F ∗ α) + b)', (device) => {
    const [batch, S, width] = [2, 6, 3];
    const options = { queryWidth: width, memoryWidth: 4, filters: 2, taps: 3 };
    const module = disturb(new LocationAwareAttention(options, context(device)), 4);
    const [state, memory] = [
      leaf([batch, width], 1, 'state', device),
      leaf([batch, S, 4], 1, 'memory', device),
    ];
    const before = leaf([batch, S], 1, 'before', device);
    const hidden = mask([1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 0, 0], [batch, S], { device: state.device });
    const { context: seen, weights } = module.step(state, module.project(memory), before, hidden);
    const dot = (weight: ArrayLike<number>, row: number, x: readonly number[]): number =>
      x.reduce((sum, value, c) => sum + weight[row * x.length + c]! * value, 0);
    const score = (b: number, s: number): number => {
      const features = [0, 1].map((f) =>
        [0, 1, 2].reduce((sum, i) => {
          const at = s + i - 1;
          const alpha = at < 0 || at >= S ? 0 : before.data[b * S + at]!;
          return sum + module.location.weight.data[f * 3 + i]! * alpha;
        }, 0),
      );
      return [0, 1, 2].reduce((sum, a) => {
        const own =
          dot(module.query.weight.data, a, rowOf(state.data, b, width)) + module.query.bias!.data[a]!;
        const place = dot(module.key.weight.data, a, rowOf(memory.data, b * S + s, 4));
        return (
          sum + module.vector.data[a]! * Math.tanh(own + place + dot(module.feature.weight.data, a, features))
        );
      }, 0);
    };
    const expected = [0, 1].map((b) => {
      const e = [0, 1, 2, 3, 4, 5].map((s) => (hidden.data[b * S + s] ? Math.exp(score(b, s)) : 0));
      return e.map((value) => value / e.reduce((x, y) => x + y, 0));
    });
    expectNear(weights.data, expected.flat(), roundingOf(device), 'weights');
    const contexts = expected.flatMap((row, b) =>
      [0, 1, 2, 3].map((c) => row.reduce((sum, w, s) => sum + w * memory.data[(b * S + s) * 4 + c]!, 0)),
    );
    expectNear(seen.data, contexts, roundingOf(device), 'contexts');
    expect(module.start(module.project(memory)).toArray()).toEqual([
      [1, 0, 0, 0, 0, 0],
      [1, 0, 0, 0, 0, 0],
    ]);
  });
});
