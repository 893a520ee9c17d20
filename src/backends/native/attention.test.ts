import { describe, expect, test } from 'vitest';
import {
  blank,
  dropoutFactor,
  expectClose,
  expectKernel,
  noise,
  runKernel,
} from '../../../tests/support/native-kernels.ts';

interface Setup {
  B: number;
  H: number;
  Kh?: number;
  T: number;
  S: number;
  D: number;
  Dv?: number;
  causal?: boolean;
  causalOffset?: number;
  /** Keys before and after its own place that a query sees. */
  window?: readonly [number, number];
  /** Mask [B, H, T, S], or [B, 1, 1, S] for 'keys'; 1 = may attend. */
  mask?: 'full' | 'keys';
  p?: number;
  /** Extra elements at the end of each row. */
  pad?: number;
  /** Queries of (b = 0, h = 0) that may attend to nothing. */
  blocked?: number[];
}

function layout(setup: Setup) {
  const { B, H, Kh = H, T, S, D, Dv = D, pad = 0, causal = false, causalOffset = S - T, p = 0 } = setup;
  const { window = [2 ** 31, 2 ** 31] } = setup;
  const rows = { q: H * D + pad, k: Kh * D + pad, v: Kh * Dv + pad, o: H * Dv + pad };
  const scale = 1 / Math.sqrt(D);
  return { B, H, Kh, T, S, D, Dv, causal, causalOffset, window, p, rows, scale, k0: 123, k1: 0xdeadbeef };
}
type Layout = ReturnType<typeof layout>;

interface Tensors {
  q: ArrayLike<number>;
  k: ArrayLike<number>;
  v: ArrayLike<number>;
}

type Visible = (b: number, h: number, t: number, s: number) => boolean;

/** One head of one query, in float64: its weights before and after dropout, and its log-sum-exp. */
function weigh(x: Layout, { q, k }: Tensors, visible: Visible, b: number, h: number, t: number) {
  const kh = Math.floor(h / (x.H / x.Kh));
  const scores = Array.from({ length: x.S }, (_, s) => {
    if (!visible(b, h, t, s)) return Number.NEGATIVE_INFINITY;
    let dot = 0;
    for (let d = 0; d < x.D; d++) {
      dot += q[(b * x.T + t) * x.rows.q + h * x.D + d]! * k[(b * x.S + s) * x.rows.k + kh * x.D + d]!;
    }
    return dot * x.scale;
  });
  const max = Math.max(...scores, Number.NEGATIVE_INFINITY);
  const sum = scores.reduce((total, score) => total + (score === max ? 1 : Math.exp(score - max)), 0);
  const dead = max === Number.NEGATIVE_INFINITY;
  const lse = dead ? max : max + Math.log(sum);
  const weights = scores.map((score) => (dead ? 0 : Math.exp(score - lse)));
  const factors = scores.map((_, s) => dropoutFactor(((b * x.H + h) * x.T + t) * x.S + s, x.p, x.k0, x.k1));
  return { kh, lse, weights, factors };
}

function forward(x: Layout, tensors: Tensors, visible: Visible) {
  const out = new Float64Array(x.B * x.T * x.rows.o);
  const lse = new Float64Array(x.B * x.H * x.T);
  for (let b = 0; b < x.B; b++) {
    for (let h = 0; h < x.H; h++) {
      for (let t = 0; t < x.T; t++) {
        const row = weigh(x, tensors, visible, b, h, t);
        lse[(b * x.H + h) * x.T + t] = row.lse;
        for (let s = 0; s < x.S; s++) {
          const weight = row.weights[s]! * row.factors[s]!;
          for (let d = 0; d < x.Dv; d++) {
            const value = tensors.v[(b * x.S + s) * x.rows.v + row.kh * x.Dv + d]!;
            out[(b * x.T + t) * x.rows.o + h * x.Dv + d]! += weight * value;
          }
        }
      }
    }
  }
  return { out, lse };
}

function backward(x: Layout, { q, k, v }: Tensors, visible: Visible, dout: ArrayLike<number>) {
  const dq = new Float64Array(q.length);
  const dk = new Float64Array(k.length);
  const dv = new Float64Array(v.length);
  for (let b = 0; b < x.B; b++) {
    for (let h = 0; h < x.H; h++) {
      for (let t = 0; t < x.T; t++) {
        const { kh, weights, factors } = weigh(x, { q, k, v }, visible, b, h, t);
        const oAt = (b * x.T + t) * x.rows.o + h * x.Dv;
        const vAt = (s: number) => (b * x.S + s) * x.rows.v + kh * x.Dv;
        const grads = weights.map((weight, s) => {
          let grad = 0;
          for (let d = 0; d < x.Dv; d++) {
            grad += dout[oAt + d]! * v[vAt(s) + d]! * factors[s]!;
            dv[vAt(s) + d]! += weight * factors[s]! * dout[oAt + d]!;
          }
          return grad;
        });
        const mean = weights.reduce((total, weight, s) => total + weight * grads[s]!, 0);
        for (let s = 0; s < x.S; s++) {
          const score = weights[s]! * (grads[s]! - mean) * x.scale;
          for (let d = 0; d < x.D; d++) {
            const qAt = (b * x.T + t) * x.rows.q + h * x.D + d;
            const kAt = (b * x.S + s) * x.rows.k + kh * x.D + d;
            dq[qAt]! += score * k[kAt]!;
            dk[kAt]! += score * q[qAt]!;
          }
        }
      }
    }
  }
  return { dq, dk, dv };
}

/** The mask's bytes and strides, and what they and the causal rule let each query see. */
function prepareMask(x: Layout, setup: Setup) {
  const { mask: kind, blocked = [] } = setup;
  const { B, H, T, S } = x;
  const strides = kind === 'full' ? [H * T * S, T * S, S] : kind === 'keys' ? [S, 0, 0] : [0, 0, 0];
  const random = noise(kind === 'full' ? B * H * T * S : B * S, 17);
  const mask = kind ? Uint8Array.from(random, (value) => (value > -0.4 ? 1 : 0)) : null;
  if (mask && kind === 'full') for (const t of blocked) mask.fill(0, t * S, (t + 1) * S);
  const visible: Visible = (b, h, t, s) => {
    if (x.causal && s > t + x.causalOffset) return false;
    if (s < t + x.causalOffset - x.window[0] || s > t + x.causalOffset + x.window[1]) return false;
    return !mask || mask[b * strides[0]! + h * strides[1]! + t * strides[2]! + s] === 1;
  };
  return { mask, strides, visible };
}

function prepare(setup: Setup) {
  const x = layout(setup);
  const { B, H, Kh, T, S, D, Dv, rows } = x;
  const q = noise(B * T * rows.q, 1);
  const k = noise(B * S * rows.k, 2);
  const v = noise(B * S * rows.v, 3);
  const { mask, strides, visible } = prepareMask(x, setup);
  const ints = [
    ...[B, H, Kh, T, S, D, Dv, rows.q, rows.k, rows.v, rows.o],
    ...[T * rows.q, S * rows.k, S * rows.v, T * rows.o],
    ...[Number(x.causal), x.causalOffset, ...strides, x.k0, x.k1, ...x.window],
  ];
  return { x, q, k, v, mask, visible, ints, floats: [x.scale, x.p] };
}

/** What a kernel must leave: the values in each row's columns, and the padding as it was. */
function withPadding(values: Float64Array, row: number, pad: number, before: ArrayLike<number>) {
  return values.map((value, at) => (at % row >= row - pad ? before[at]! : value));
}

const setups: Record<string, Setup> = {
  'one query, one key': { B: 1, H: 1, T: 1, S: 1, D: 1 },
  'decoding: one query, many keys': { B: 3, H: 4, T: 1, S: 65, D: 32 },
  'a sentence': { B: 2, H: 4, T: 16, S: 16, D: 64 },
  causal: { B: 2, H: 2, T: 33, S: 33, D: 32, causal: true },
  'causal, with a cache': { B: 1, H: 2, T: 5, S: 29, D: 8, causal: true },
  'causal, where the first queries see nothing': { B: 1, H: 2, T: 40, S: 7, D: 4, causal: true },
  'key padding': { B: 3, H: 2, T: 9, S: 21, D: 16, mask: 'keys' },
  'full mask and causal, with blocked queries': {
    ...{ B: 2, H: 3, T: 31, S: 31, D: 20, mask: 'full' as const, causal: true, blocked: [0, 5, 30] },
  },
  'grouped heads': { B: 2, H: 6, Kh: 2, T: 26, S: 30, D: 12 },
  'values of another width, padded rows': { B: 2, H: 2, T: 10, S: 13, D: 7, Dv: 19, pad: 3 },
  dropout: { B: 2, H: 2, T: 27, S: 35, D: 16, p: 0.3, mask: 'keys' },
  'more keys than one block': { B: 1, H: 2, Kh: 1, T: 50, S: 530, D: 8, mask: 'full', p: 0.1 },
  'more keys than one block, causal': { B: 1, H: 1, T: 550, S: 550, D: 4, causal: true },
  'no keys': { B: 1, H: 2, T: 3, S: 0, D: 4 },
  'a window': { B: 2, H: 2, T: 40, S: 40, D: 16, window: [7, 3] },
  'its own key only': { B: 1, H: 1, T: 17, S: 17, D: 4, window: [0, 0] },
  'a causal window over blocks of keys': {
    ...{ B: 1, H: 2, Kh: 1, T: 600, S: 600, D: 4, p: 0.1 },
    ...{ causal: true, window: [33, 5] as const },
  },
  'a window wider than a block': { B: 1, H: 1, T: 700, S: 700, D: 4, window: [300, 20] },
  'a window of keys that lie ahead': {
    B: 1,
    H: 2,
    T: 30,
    S: 300,
    D: 4,
    causalOffset: 0,
    window: [-260, 280],
  },
  'a window that many queries leave': { B: 1, H: 1, T: 600, S: 290, D: 4, causalOffset: 0, window: [9, 9] },
  'a window before the first key': { B: 1, H: 1, T: 60, S: 30, D: 4, causalOffset: -40, window: [3, 3] },
  'a masked window': { B: 2, H: 2, T: 31, S: 31, D: 4, window: [4, 4], mask: 'keys' },
};

describe('attention', () => {
  for (const [name, setup] of Object.entries(setups)) {
    test(`forward: ${name}`, (context) => {
      const { x, q, k, v, mask, visible, ints, floats } = prepare(setup);
      const want = forward(x, { q, k, v }, visible);
      const out = blank(x.B * x.T * x.rows.o);
      const wanted = [withPadding(want.out, x.rows.o, setup.pad ?? 0, out), want.lse];
      const outputs = [out, blank(want.lse.length)];
      const inputs = [q, k, v, mask, null];
      expectKernel(context, { kernel: 'attention', outputs, inputs, ints, floats, items: x.B * x.H }, wanted);
    });

    test(`backward: ${name}`, (context) => {
      const { x, q, k, v, mask, visible, ints, floats } = prepare(setup);
      const { out, lse } = forward(x, { q, k, v }, visible);
      const dout = noise(out.length, 4);
      const want = backward(x, { q, k, v }, visible, dout);
      const outputs = [blank(q.length), blank(k.length), blank(v.length)];
      const inputs = [q, k, v, mask, null, Float32Array.from(out), Float32Array.from(lse), dout];
      const pad = setup.pad ?? 0;
      const wanted = [
        withPadding(want.dq, x.rows.q, pad, outputs[0]!),
        withPadding(want.dk, x.rows.k, pad, outputs[1]!),
        withPadding(want.dv, x.rows.v, pad, outputs[2]!),
      ];
      const items = x.B * x.Kh;
      expectKernel(context, { kernel: 'attention_backward', outputs, inputs, ints, floats, items }, wanted, {
        absolute: 5e-6,
        relative: 1e-5,
      });
    });
  }

  test('the gradients that we compare with are those of finite differences', () => {
    const setup: Setup = { B: 1, H: 2, Kh: 1, T: 3, S: 5, D: 4, Dv: 3, causal: true, p: 0.25, mask: 'keys' };
    const { x, q, k, v, visible } = prepare(setup);
    const tensors = { q: Float64Array.from(q), k: Float64Array.from(k), v: Float64Array.from(v) };
    const dout = noise(x.B * x.T * x.rows.o, 4);
    const loss = () => forward(x, tensors, visible).out.reduce((sum, value, n) => sum + value * dout[n]!, 0);
    const want = backward(x, tensors, visible, dout);
    for (const [name, grad] of [
      ['q', want.dq],
      ['k', want.dk],
      ['v', want.dv],
    ] as const) {
      const numeric = tensors[name].map((value, n, array) => {
        array[n] = value + 1e-5;
        const above = loss();
        array[n] = value - 1e-5;
        const below = loss();
        array[n] = value;
        return (above - below) / 2e-5;
      });
      expectClose(numeric, grad, `d${name}`, { absolute: 1e-8, relative: 1e-6 });
    }
  });

  test('a query that may attend to nothing gives 0 and -inf, even beside values that are not finite', (context) => {
    const { x, q, k, v, ints, floats } = prepare({ B: 1, H: 1, T: 6, S: 9, D: 4, mask: 'full' });
    const mask = new Uint8Array(54).fill(1);
    mask.fill(0, 18, 27);
    v[0] = Number.POSITIVE_INFINITY;
    const outputs = [blank(x.T * x.rows.o), blank(x.T)];
    const kernel = { kernel: 'attention', outputs, inputs: [q, k, v, mask, null], ints, floats, items: 1 };
    runKernel(context, kernel, ([out, lse]) => {
      expect([...out!.subarray(8, 12)]).toEqual([0, 0, 0, 0]);
      expect(lse![2]).toBe(Number.NEGATIVE_INFINITY);
      expect(out![0]).toBe(Number.POSITIVE_INFINITY);
    });
  });

  test('scores far apart do not overflow', (context) => {
    const { x, q, k, v, ints } = prepare({ B: 1, H: 1, T: 5, S: 300, D: 4 });
    const { out, lse } = forward({ ...x, scale: 200 }, { q, k, v }, () => true);
    const outputs = [blank(out.length), blank(lse.length)];
    const test = {
      kernel: 'attention',
      outputs,
      inputs: [q, k, v, null, null],
      ints,
      floats: [200, 0],
      items: 1,
    };
    expectKernel(context, test, [out, lse], { absolute: 2e-4, relative: 1e-4 });
  });
});

const steps: Record<string, Setup> = {
  'one key': { B: 1, H: 1, T: 1, S: 1, D: 1 },
  'a block of keys and one more': { B: 3, H: 4, T: 1, S: 65, D: 32 },
  'many blocks, odd widths, padded rows': { B: 1, H: 3, T: 1, S: 259, D: 17, Dv: 33, pad: 3 },
  'part of a cache': { B: 2, H: 2, T: 1, S: 150, D: 64, causal: true, causalOffset: 130 },
  'key padding': { B: 3, H: 2, T: 1, S: 100, D: 16, mask: 'keys' },
  'full mask, a head that sees nothing': { B: 2, H: 3, T: 1, S: 70, D: 20, mask: 'full', blocked: [0] },
  'grouped heads': { B: 2, H: 6, Kh: 2, T: 1, S: 30, D: 12, Dv: 5 },
  'no keys': { B: 2, H: 2, T: 1, S: 0, D: 4 },
  'no sequence': { B: 0, H: 2, T: 1, S: 5, D: 4 },
  'a window': { B: 2, H: 2, T: 1, S: 150, D: 8, causal: true, causalOffset: 140, window: [100, 0] },
  'a window past the keys': { B: 1, H: 2, T: 1, S: 10, D: 8, causalOffset: 40, window: [10, 0] },
};

describe('attention_step', () => {
  for (const [name, setup] of Object.entries(steps)) {
    test(name, (context) => {
      const { x, q, k, v, mask, visible, ints, floats } = prepare(setup);
      const want = forward(x, { q, k, v }, visible);
      const out = blank(x.B * x.rows.o);
      const wanted = [withPadding(want.out, x.rows.o, setup.pad ?? 0, out), want.lse];
      const outputs = [out, blank(want.lse.length)];
      const inputs = [q, k, v, mask, null];
      expectKernel(context, { kernel: 'attention_step', outputs, inputs, ints, floats, items: 1 }, wanted);
    });
  }

  test('scores far apart do not overflow', (context) => {
    const { x, q, k, v, ints } = prepare({ B: 1, H: 1, T: 1, S: 300, D: 4 });
    const { out, lse } = forward({ ...x, scale: 200 }, { q, k, v }, () => true);
    const outputs = [blank(out.length), blank(lse.length)];
    const inputs = [q, k, v, null, null];
    const test = { kernel: 'attention_step', outputs, inputs, ints, floats: [200, 0], items: 1 };
    expectKernel(context, test, [out, lse], { absolute: 2e-4, relative: 1e-4 });
  });
});
