/** Linear attention against loops over all pairs, forward, backward and token by token. */
import { describe, test } from 'vitest';
import { blank, expectKernel, noise } from '../../../tests/support/native-kernels.ts';
import {
  type Layout,
  prepare,
  type Setup,
  type Tensors,
  type Visible,
  withPadding,
} from '../../../tests/support/slow-heads.ts';

const phi = (x: number): number => (x > 0 ? x + 1 : Math.exp(x));
const slope = (x: number): number => (x > 0 ? 1 : Math.exp(x));

/** Where head h of row t begins. */
const at = (x: Layout, side: 'q' | 'k' | 'v' | 'o', b: number, t: number, h: number): number => {
  const length = side === 'q' || side === 'o' ? x.T : x.S;
  return (b * length + t) * x.rows[side] + h * (side === 'q' || side === 'k' ? x.D : x.Dv);
};

/** φ(q)·φ(k) of one query with every key, 0 where it is hidden. */
function products(x: Layout, { q, k }: Tensors, sees: Visible, b: number, h: number, t: number): number[] {
  const kh = Math.floor(h / (x.H / x.Kh));
  return Array.from({ length: x.S }, (_, s) => {
    if (!sees(b, h, t, s)) return 0;
    let total = 0;
    for (let d = 0; d < x.D; d++)
      total += phi(q[at(x, 'q', b, t, h) + d]!) * phi(k[at(x, 'k', b, s, kh) + d]!);
    return total;
  });
}

function eachRow(x: Layout, visit: (b: number, h: number, kh: number, t: number) => void): void {
  for (let b = 0; b < x.B; b++)
    for (let h = 0; h < x.H; h++) for (let t = 0; t < x.T; t++) visit(b, h, Math.floor(h / (x.H / x.Kh)), t);
}

function forward(x: Layout, tensors: Tensors, sees: Visible) {
  const out = new Float64Array(x.B * x.T * x.rows.o);
  const totals = new Float64Array(x.B * x.H * x.T);
  eachRow(x, (b, h, kh, t) => {
    const weights = products(x, tensors, sees, b, h, t);
    const total = weights.reduce((a, c) => a + c, 0);
    totals[(b * x.H + h) * x.T + t] = total;
    for (let s = 0; s < x.S; s++)
      for (let d = 0; d < x.Dv && total > 0; d++)
        out[at(x, 'o', b, t, h) + d]! += (weights[s]! / total) * tensors.v[at(x, 'v', b, s, kh) + d]!;
  });
  return { out, totals };
}

/** By the chain rule through every pair. */
function backward(x: Layout, { q, k, v }: Tensors, sees: Visible, dout: ArrayLike<number>) {
  const { out, totals } = forward(x, { q, k, v }, sees);
  const [dq, dk, dv] = [q, k, v].map(({ length }) => new Float64Array(length)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  eachRow(x, (b, h, kh, t) => {
    const total = totals[(b * x.H + h) * x.T + t]!;
    const [to, from] = [at(x, 'o', b, t, h), at(x, 'q', b, t, h)];
    const weights = products(x, { q, k, v }, sees, b, h, t);
    for (let s = 0; s < x.S; s++) {
      if (weights[s] === 0) continue;
      const [key, value] = [at(x, 'k', b, s, kh), at(x, 'v', b, s, kh)];
      let grad = 0;
      for (let d = 0; d < x.Dv; d++) {
        grad += (dout[to + d]! * (v[value + d]! - out[to + d]!)) / total;
        dv[value + d]! += (weights[s]! / total) * dout[to + d]!;
      }
      for (let d = 0; d < x.D; d++) {
        dq[from + d]! += grad * phi(k[key + d]!) * slope(q[from + d]!);
        dk[key + d]! += grad * phi(q[from + d]!) * slope(k[key + d]!);
      }
    }
  });
  return { dq, dk, dv };
}

const setups: Record<string, Setup> = {
  'one query, one key': { B: 1, H: 1, T: 1, S: 1, D: 1 },
  'a sentence': { B: 2, H: 4, T: 16, S: 18, D: 16 },
  'chunks, odd widths, padded rows': { B: 1, H: 2, T: 70, S: 131, D: 17, Dv: 33, pad: 3 },
  'key padding': { B: 3, H: 2, T: 9, S: 21, D: 8, mask: 'keys' },
  'grouped heads': { B: 2, H: 6, Kh: 2, T: 26, S: 30, D: 5, Dv: 3 },
  causal: { B: 2, H: 2, T: 33, S: 33, D: 8, causal: true },
  'causal in chunks': { B: 1, H: 2, Kh: 1, T: 150, S: 150, D: 6, Dv: 4, causal: true },
  'causal, whole chunks, padded': { B: 2, H: 1, T: 128, S: 128, D: 4, causal: true, mask: 'keys' },
  'no keys': { B: 1, H: 2, T: 3, S: 0, D: 4 },
};

describe('linear_attention', () => {
  for (const [name, setup] of Object.entries(setups)) {
    test(`forward: ${name}`, (context) => {
      const { x, q, k, v, mask, visible, ints } = prepare(setup);
      const want = forward(x, { q, k, v }, visible);
      const out = blank(x.B * x.T * x.rows.o);
      const wanted = [withPadding(want.out, x.rows.o, setup.pad ?? 0, out), want.totals];
      const outputs = [out, blank(want.totals.length)];
      const call = { kernel: 'linear_attention', inputs: [q, k, v, mask, null], ints, floats: [1, 0] };
      expectKernel(context, { ...call, outputs, items: x.B * x.H }, wanted);
    });

    test(`backward: ${name}`, (context) => {
      const { x, q, k, v, mask, visible, ints } = prepare(setup);
      const { out, totals } = forward(x, { q, k, v }, visible);
      const dout = noise(out.length, 4);
      const want = backward(x, { q, k, v }, visible, dout);
      const outputs = [blank(q.length), blank(k.length), blank(v.length)];
      const inputs = [q, k, v, mask, null, Float32Array.from(out), Float32Array.from(totals), dout];
      const pad = setup.pad ?? 0;
      const wanted = [
        withPadding(want.dq, x.rows.q, pad, outputs[0]!),
        withPadding(want.dk, x.rows.k, pad, outputs[1]!),
        withPadding(want.dv, x.rows.v, pad, outputs[2]!),
      ];
      const call = { kernel: 'linear_attention_backward', inputs, ints, floats: [1, 0] };
      expectKernel(context, { ...call, outputs, items: x.B * x.Kh }, wanted, {
        absolute: 5e-6,
        relative: 2e-5,
      });
    });
  }
});

const steps: Record<string, Setup> = {
  'one token': { B: 1, H: 1, T: 1, S: 1, D: 1 },
  'several tokens': { B: 2, H: 2, T: 5, S: 5, D: 16 },
  'grouped heads, odd widths, padded rows': { B: 2, H: 4, Kh: 2, T: 7, S: 7, D: 17, Dv: 3, pad: 2 },
};

describe('linear_attention_step', () => {
  for (const [name, setup] of Object.entries(steps)) {
    test(`from an empty state: ${name}`, (context) => {
      const { x, q, k, v, ints } = prepare(setup);
      const want = forward(x, { q, k, v }, (_b, _h, t, s) => s <= t);
      const out = blank(x.B * x.T * x.rows.o);
      const width = x.Dv + 1;
      const state = new Float64Array(x.B * x.Kh * x.D * width);
      for (let b = 0; b < x.B; b++)
        for (let h = 0; h < x.Kh; h++)
          for (let s = 0; s < x.S; s++)
            for (let d = 0; d < x.D; d++)
              for (let e = 0; e < width; e++)
                state[((b * x.Kh + h) * x.D + d) * width + e]! +=
                  phi(k[at(x, 'k', b, s, h) + d]!) * (e < x.Dv ? v[at(x, 'v', b, s, h) + e]! : 1);
      const wanted = [withPadding(want.out, x.rows.o, setup.pad ?? 0, out), state];
      const outputs = [out, new Float32Array(state.length)];
      const call = { kernel: 'linear_attention_step', inputs: [q, k, v], ints, floats: [1, 0] };
      expectKernel(context, { ...call, outputs, items: x.B * x.Kh }, wanted);
    });
  }
});
