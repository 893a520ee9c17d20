/** Attention of heads in rows with strides, as the kernels take it, in float64 loops; forward and backward. */
import { dropoutFactor, noise } from './native-kernels.ts';

/** Sizes and rules of one call of an attention kernel. */
export interface Setup {
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
export type Layout = ReturnType<typeof layout>;

export interface Tensors {
  q: ArrayLike<number>;
  k: ArrayLike<number>;
  v: ArrayLike<number>;
}

/** Whether query t of head h in entry b sees key s. */
export type Visible = (b: number, h: number, t: number, s: number) => boolean;

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

/** Output and log-sum-exp of every row. */
export function forward(x: Layout, tensors: Tensors, visible: Visible) {
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

/** Gradients of queries, keys and values. */
export function backward(x: Layout, { q, k, v }: Tensors, visible: Visible, dout: ArrayLike<number>) {
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

/** Random inputs, a mask and the integers of a kernel's call; `sees` hides more. */
export function prepare(setup: Setup, sees: Visible = () => true) {
  const x = layout(setup);
  const { B, H, Kh, T, S, D, Dv, rows } = x;
  const q = noise(B * T * rows.q, 1);
  const k = noise(B * S * rows.k, 2);
  const v = noise(B * S * rows.v, 3);
  const { mask, strides, visible: shown } = prepareMask(x, setup);
  const visible: Visible = (b, h, t, s) => shown(b, h, t, s) && sees(b, h, t, s);
  const ints = [
    ...[B, H, Kh, T, S, D, Dv, rows.q, rows.k, rows.v, rows.o],
    ...[T * rows.q, S * rows.k, S * rows.v, T * rows.o],
    ...[Number(x.causal), x.causalOffset, ...strides, x.k0, x.k1, ...x.window],
  ];
  return { x, q, k, v, mask, visible, ints, floats: [x.scale, x.p] };
}

/** What a kernel must leave: the values in each row's columns, and the padding as it was. */
export function withPadding(values: Float64Array, row: number, pad: number, before: ArrayLike<number>) {
  return values.map((value, at) => (at % row >= row - pad ? before[at]! : value));
}
