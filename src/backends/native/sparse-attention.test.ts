/** Attention along a sparse graph against loops over all pairs that leave out what the pattern hides. */
import { describe, test } from 'vitest';
import { blank, expectKernel, noise } from '../../../tests/support/native-kernels.ts';
import { backward, forward, prepare, type Setup, withPadding } from '../../../tests/support/slow-heads.ts';
import { denseMask, type PatternRun, SparsePattern } from '../../ops/sparse-attention/pattern.ts';

interface SparseSetup extends Setup {
  readonly runs: readonly PatternRun[];
}

const same = (queries: number, ...ranges: (readonly [number, number])[]): PatternRun => ({ queries, ranges });

const setups: Record<string, SparseSetup> = {
  'one query, one key': { B: 1, H: 1, T: 1, S: 1, D: 1, runs: [same(1, [0, 1])] },
  'single queries, keys here and there': {
    ...{ B: 2, H: 2, T: 4, S: 19, D: 8 },
    runs: [same(1, [0, 1], [18, 19]), same(1), same(1, [3, 4], [5, 9], [17, 18]), same(1, [0, 19])],
  },
  'runs of several queries': {
    ...{ B: 2, H: 4, Kh: 2, T: 33, S: 40, D: 17, Dv: 5, pad: 3, p: 0.2, mask: 'keys' },
    runs: [same(3, [0, 2], [9, 30]), same(17, [1, 2]), same(13, [0, 1], [2, 3], [33, 40])],
  },
  'a full mask, a blocked query': {
    ...{ B: 1, H: 2, T: 20, S: 20, D: 4, mask: 'full', blocked: [2] },
    runs: [same(20, [0, 7], [11, 20])],
  },
  'causal in blocks': {
    ...{ B: 1, H: 2, T: 24, S: 24, D: 8, causal: true },
    runs: [same(8, [0, 8]), same(8, [0, 3], [8, 16]), same(8, [0, 3], [12, 24])],
  },
  'more queries and keys than a block, long and short ranges': {
    ...{ B: 1, H: 1, T: 210, S: 700, D: 4 },
    runs: [
      same(200, [0, 300], ...Array.from({ length: 100 }, (_, i) => [310 + 3 * i, 311 + 3 * i] as const)),
      same(10, [650, 700]),
    ],
  },
  'nothing visible': { B: 1, H: 2, T: 3, S: 5, D: 4, runs: [same(3)] },
  'no keys': { B: 1, H: 2, T: 3, S: 0, D: 4, runs: [same(1), same(2)] },
};

describe('sparse_attention', () => {
  for (const [name, setup] of Object.entries(setups)) {
    const { runs, ranges } = new SparsePattern(setup.runs, setup.S);
    const dense = denseMask(runs, ranges, setup.S);
    const prepared = () => {
      const inputs = prepare(setup, (_b, _h, t, s) => dense[t * setup.S + s] === 1);
      return { ...inputs, ints: [...inputs.ints, setup.runs.length] };
    };

    test(`forward: ${name}`, (context) => {
      const { x, q, k, v, mask, visible, ints, floats } = prepared();
      const want = forward(x, { q, k, v }, visible);
      const out = blank(x.B * x.T * x.rows.o);
      const wanted = [withPadding(want.out, x.rows.o, setup.pad ?? 0, out), want.lse];
      const outputs = [out, blank(want.lse.length)];
      const items = x.B * x.H * setup.runs.length;
      const inputs = [q, k, v, mask, runs, ranges];
      expectKernel(context, { kernel: 'sparse_attention', outputs, inputs, ints, floats, items }, wanted);
    });

    test(`backward: ${name}`, (context) => {
      const { x, q, k, v, mask, visible, ints, floats } = prepared();
      const { out, lse } = forward(x, { q, k, v }, visible);
      const dout = noise(out.length, 4);
      const want = backward(x, { q, k, v }, visible, dout);
      const outputs = [blank(q.length), blank(k.length), blank(v.length)];
      const inputs = [q, k, v, mask, runs, ranges, Float32Array.from(out), Float32Array.from(lse), dout];
      const pad = setup.pad ?? 0;
      const wanted = [
        withPadding(want.dq, x.rows.q, pad, outputs[0]!),
        withPadding(want.dk, x.rows.k, pad, outputs[1]!),
        withPadding(want.dv, x.rows.v, pad, outputs[2]!),
      ];
      const kernel = 'sparse_attention_backward';
      expectKernel(context, { kernel, outputs, inputs, ints, floats, items: x.B * x.Kh }, wanted, {
        absolute: 5e-6,
        relative: 1e-5,
      });
    });
  }
});
