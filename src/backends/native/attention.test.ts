import { describe, expect, test } from 'vitest';
import { blank, expectClose, expectKernel, noise, runKernel } from '../../../tests/support/native-kernels.ts';
import { backward, forward, prepare, type Setup, withPadding } from '../../../tests/support/slow-heads.ts';

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
