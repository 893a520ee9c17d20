/** Attention of reduced cost: inventory G1–G6 and E20; the graphs of G3–G5 are in src/nn/attention/patterns.test.ts. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  attention,
  backward,
  ConfigError,
  countOps,
  getDevice,
  lengthProjection,
  linearAttention,
  linearAttentionStep,
  mask,
  reshape,
  ShapeError,
  scope,
  slice,
  sparseAttention,
  sparsePattern,
  type Tensor,
  tensor,
  zeros,
} from '../../src/index.ts';
import { countPairs } from '../../src/ops/attention/window.ts';
import { denseMask } from '../../src/ops/sparse-attention/pattern.ts';
import {
  linearEqualsLoops,
  projectionsAreSeparate,
  sparseEqualsLoops,
  windowEqualsLoops,
} from '../support/checks/efficient.ts';
import { itOnEachDevice, needDevice, roundingOf } from '../support/devices.ts';
import { expectNear, gradientOf, leaf } from '../support/numbers.ts';

const heads = { numHeads: 2 };

function inputsOf(length: number, device: string, width = 8): [q: Tensor, k: Tensor, v: Tensor] {
  const make = (name: string): Tensor => leaf([2, length, width], 7, name, device);
  return [make('query'), make('key'), make('value')];
}

/** Output and gradients of an attention, with an upstream gradient that tells places apart. */
function passOf(
  length: number,
  device: string,
  attend: (q: Tensor, k: Tensor, v: Tensor) => Tensor,
): ArrayLike<number>[] {
  return scope(() => {
    const inputs = inputsOf(length, device);
    const output = attend(...inputs);
    const values = Float64Array.from(output.data);
    backward(output, { grad: leaf(output.shape, 9, 'upstream', device).detach() });
    return [values, ...inputs.map(gradientOf)];
  });
}

function expectSame(
  got: readonly ArrayLike<number>[],
  want: readonly ArrayLike<number>[],
  device: string,
): void {
  for (const [i, name] of ['output', 'dq', 'dk', 'dv'].entries())
    expectNear(got[i]!, want[i]!, roundingOf(device), name);
}

const seenMask = (bits: ArrayLike<number>, length: number, device: string): Tensor =>
  mask(bits, [1, 1, length, length], { device: getDevice(device) });

describe('a local window (G2, E20)', () => {
  it('equals loops over the pairs within the band', windowEqualsLoops);

  itOnEachDevice('equals dense attention with the band as a mask, outputs and gradients', (device) => {
    const length = 70;
    for (const window of [
      [0, 0],
      [5, 2],
      [40, 0],
      [0, 80],
    ] as const) {
      const bits = Array.from({ length: length * length }, (_, i) => {
        const distance = (i % length) - Math.floor(i / length);
        return Number(distance >= -window[0] && distance <= window[1]);
      });
      const dense = passOf(length, device, (q, k, v) =>
        attention(q, k, v, seenMask(bits, length, device), heads),
      );
      expectSame(
        passOf(length, device, (q, k, v) => attention(q, k, v, null, { ...heads, window })),
        dense,
        device,
      );
    }
  });

  itOnEachDevice('as wide as the sequence is full attention', (device) => {
    const want = passOf(20, device, (q, k, v) => attention(q, k, v, null, heads));
    expectSame(
      passOf(20, device, (q, k, v) => attention(q, k, v, null, { ...heads, window: [19, 19] })),
      want,
      device,
    );
  });

  it('costs as much as it shows: linear in the length', (context) => {
    needDevice(context, 'native');
    const flops = (length: number, window: readonly [number, number]): number => {
      const inputs = inputsOf(length, 'native');
      return countOps(() => attention(...inputs, null, { ...heads, window })).counts.flops;
    };
    const pairs = (flops(513, [9, 6]) - flops(512, [9, 6])) / 2;
    expect(pairs).toBe(16 * (4 * 8 + 5 * 2));
    expect(flops(1024, [9, 6]) / flops(512, [9, 6])).toBeLessThan(2.02);
  });

  it('refuses bounds that leave nothing', () => {
    const inputs = inputsOf(3, 'reference');
    for (const window of [
      [-1, 0],
      [1.5, 2],
      [Number.NaN, 0],
      [2, -3],
    ] as const)
      expect(() => attention(...inputs, null, { ...heads, window })).toThrow(ConfigError);
  });
});

describe('attention along a pattern (G3, G4, G5)', () => {
  it('equals loops over its pairs', sparseEqualsLoops);

  const kinds = {
    global: { globals: 3, window: 1 },
    random: { random: 5 },
    'BigBird, in blocks': { blockSize: 16, window: 1, globals: 1, random: 1 },
    'BigBird, causal': { blockSize: 16, window: 1, globals: 1, random: 1, causal: true },
  };
  for (const [name, options] of Object.entries(kinds)) {
    itOnEachDevice(`${name}: equals dense attention with a mask, outputs and gradients`, (device) => {
      const length = 75;
      const pattern = sparsePattern([length], options);
      const causal = 'causal' in options;
      const bits = denseMask(pattern.runs, pattern.ranges, length);
      const dense = passOf(length, device, (q, k, v) =>
        attention(q, k, v, seenMask(bits, length, device), { ...heads, causal }),
      );
      const sparse = passOf(length, device, (q, k, v) =>
        sparseAttention(q, k, v, pattern, null, { ...heads, causal }),
      );
      expectSame(sparse, dense, device);
    });
  }

  itOnEachDevice('of a window equals the window of dense attention', (device) => {
    const pattern = sparsePattern([50], { window: 4 });
    expectSame(
      passOf(50, device, (q, k, v) => sparseAttention(q, k, v, pattern, null, heads)),
      passOf(50, device, (q, k, v) => attention(q, k, v, null, { ...heads, window: [4, 4] })),
      device,
    );
  });

  it('costs as many operations as there are pairs', (context) => {
    needDevice(context, 'native');
    const pattern = sparsePattern([100], { globals: 2, random: 3, window: 2 });
    const inputs = inputsOf(100, 'native');
    const { counts } = countOps(() => sparseAttention(...inputs, pattern, null, heads));
    expect(counts.flops).toBe(2 * pattern.pairs * (4 * 8 + 5 * 2));
  });

  it('refuses a pattern of another length', () => {
    const inputs = inputsOf(5, 'reference');
    expect(() => sparseAttention(...inputs, sparsePattern([4], {}), null, heads)).toThrow(ShapeError);
  });
});

describe('Linformer (G1)', () => {
  const identity = (length: number, device: string): Tensor =>
    tensor(
      Array.from({ length: length * length }, (_, i) => Number(i % (length + 1) === 0)),
      [1, length, length],
      { device },
    );

  itOnEachDevice('with k = n and the identity is full attention, outputs and gradients', (device) => {
    const length = 37;
    const want = passOf(length, device, (q, k, v) => attention(q, k, v, null, heads));
    const starts = tensor([0, length, 2 * length], undefined, { dtype: 'int32', device });
    const got = passOf(length, device, (q, k, v) => {
      const project = (x: Tensor): Tensor => {
        const rows = reshape(x, [1, 2 * length, 8]);
        return reshape(lengthProjection(rows, identity(length, device), starts), x.shape);
      };
      return attention(q, project(k), project(v), null, heads);
    });
    expectSame(got, want, device);
  });

  it('projects each sequence by itself', projectionsAreSeparate);
});

describe('linear attention (G6)', () => {
  it('equals loops over all pairs', linearEqualsLoops);

  itOnEachDevice('token by token equals all at once, under the causal rule', (device) => {
    scope(() => {
      const length = 67;
      const inputs = inputsOf(length, device);
      const parallel = linearAttention(...inputs, null, { ...heads, causal: true });
      const state = zeros([2, 2, 4, 5], { device });
      const at = (from: number, to: number): Tensor =>
        linearAttentionStep(
          state,
          ...(inputs.map((x) => slice(x, 1, from, to)) as [Tensor, Tensor, Tensor]),
          heads,
        );
      const prefix = at(0, 5);
      expectNear(prefix.data, slice(parallel, 1, 0, 5).data, roundingOf(device), 'a prefix');
      for (let t = 5; t < length; t++)
        expectNear(
          at(t, t + 1).data,
          slice(parallel, 1, t, t + 1).data,
          3 * roundingOf(device),
          `token ${t}`,
        );
    });
  });

  it('keeps a state of one size, and a token costs the same wherever it stands', (context) => {
    needDevice(context, 'native');
    const device = getDevice('native');
    const before = device.memory().liveBytes;
    const state = zeros([1, 2, 4, 5], { device });
    const size = device.memory().liveBytes - before;
    for (const length of [1, 10, 1000]) {
      scope(() => {
        const x = leaf([1, length, 8], 1, 'x', 'native');
        linearAttentionStep(state, x, x, x, heads);
      });
      expect(device.memory().liveBytes - before).toBe(size);
    }
    state.dispose();
  });

  it('costs twice as much for twice the length', (context) => {
    needDevice(context, 'native');
    for (const causal of [false, true]) {
      const flops = (length: number): number => {
        const inputs = inputsOf(length, 'native');
        return countOps(() => linearAttention(...inputs, null, { ...heads, causal })).counts.flops;
      };
      expect(flops(1024)).toBe(2 * flops(512));
    }
  });

  it('refuses a mask that differs between queries', () => {
    const inputs = inputsOf(3, 'reference');
    const pairs = mask(new Uint8Array(9).fill(1), [1, 1, 3, 3], { device: getDevice('reference') });
    expect(() => linearAttention(...inputs, pairs, heads)).toThrow(ShapeError);
    const [q, k, v] = inputs;
    const fewer = slice(q, 1, 0, 2);
    expect(() => linearAttention(fewer, k, v, null, { ...heads, causal: true })).toThrow(ShapeError);
  });
});

it('the pairs of a band are counted one by one', () => {
  fc.assert(
    fc.property(fc.nat(12), fc.nat(12), fc.nat(5), fc.nat(5), fc.boolean(), (T, S, left, right, causal) => {
      let pairs = 0;
      for (let t = 0; t < T; t++)
        for (let s = 0; s < S; s++) if (s >= t - left && s <= t + (causal ? 0 : right)) pairs++;
      expect(countPairs({ causal, causalOffset: 0, window: [left, right] }, T, S)).toBeCloseTo(pairs, 9);
    }),
  );
});
