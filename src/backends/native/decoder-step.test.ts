/**
 * A decoding step in one launch against loops over texts, heads and tokens, with numbers and with codes for weights;
 * weights copied into panels.
 */
import { describe, expect, type TestContext, test } from 'vitest';
import {
  blank,
  expectClose,
  expectKernel,
  type KernelCase,
  type Numbers,
  noise,
  runKernel,
} from '../../../tests/support/native-kernels.ts';
import {
  prepareStep,
  type StepSetup,
  slowPanels,
  slowStep,
  stepCall,
} from '../../../tests/support/slow-decoder.ts';

// Wide enough that the products of a layer, the heads and the vocabulary are each more than one task.
const base: StepSetup = {
  ...{ rows: 13, C: 37, H: 3, keyWidth: 14, valueWidth: 9, F: 451, layers: 2, V: 1009, S: 61, place: 6 },
  ...{ best: 3, preNorm: false, activation: 'relu', position: 'added', panels: false },
  ...{ gated: false, rms: false, bits: 0 },
};
// Widths of whole groups, as codes of four bits need them.
const fourBits: StepSetup = { ...base, C: 64, H: 2, valueWidth: 16, F: 288, layers: 1, bits: 4 };
const setups: Readonly<Record<string, StepSetup>> = {
  'one text, its first token': { ...base, rows: 1, place: 0, S: 5 },
  'post-norm, rows of weights': base,
  'pre-norm, panels, rotary halves': { ...base, preNorm: true, panels: true, position: 'halves' },
  'panels, rotary neighbours, gelu': { ...base, panels: true, position: 'interleaved', activation: 'gelu' },
  'gates, norms by the root mean square': { ...base, gated: true, rms: true, activation: 'silu' },
  'gates, panels, pre-norm': { ...base, gated: true, panels: true, preNorm: true, activation: 'sigmoid' },
  'pre-norm, five texts, one best token': { ...base, preNorm: true, rows: 5, best: 1, layers: 1 },
  // Heads are scored four at a time, and parts of a text's heads are tasks where texts are few.
  'six heads': { ...base, H: 6, layers: 1 },
  'one text, eleven heads': { ...base, rows: 1, H: 11, keyWidth: 20, layers: 1, S: 300 },
  'a vocabulary smaller than a block, a width of one': {
    ...{ ...base, rows: 2, C: 5, H: 1, keyWidth: 2, valueWidth: 1, F: 3, V: 19, best: 17 },
  },
  'eight bits, no whole groups': { ...base, bits: 8, layers: 1 },
  'eight bits, one text': { ...base, bits: 8, rows: 1, layers: 1, S: 5 },
  'eight bits, gates, pre-norm, seven texts': {
    ...{ ...base, bits: 8, rows: 7, layers: 1, preNorm: true, rms: true, gated: true },
    ...{ activation: 'silu', position: 'halves' },
  },
  'four bits, thirteen texts': fourBits,
  'four bits, two layers, three texts': { ...fourBits, rows: 3, layers: 2, preNorm: true },
  'four bits, a gate, one text': { ...fourBits, rows: 1, gated: true, activation: 'gelu' },
};

/** Where the caches of a layer stand among the tensors of a launch. */
const cachesOf = (layer: number): readonly [keys: number, values: number] => [
  29 + 37 * layer,
  30 + 37 * layer,
];

/** What the step gives, and the caches after it. */
function wantedOf(setup: StepSetup, nudge = 0) {
  const step = prepareStep(setup);
  const { tokens, scores } = slowStep(setup, step, nudge);
  return { tokens, scores, caches: step.layers.map(({ keys, values }) => [keys, values] as const) };
}

function check(setup: StepSetup, wanted: ReturnType<typeof wantedOf>) {
  const tolerance = { absolute: 3e-5, relative: 3e-5 };
  return (outputs: KernelCase['outputs'], target: string): void => {
    expectClose(outputs[1]!, wanted.scores, `${target}: log-probabilities`, tolerance);
    expect([...outputs[0]!], `${target}: tokens`).toEqual(wanted.tokens);
    for (let layer = 0; layer < setup.layers; layer++) {
      const [keys, values] = cachesOf(layer);
      expectClose(outputs[keys]!, wanted.caches[layer]![0], `${target}: keys of layer ${layer}`, tolerance);
      expectClose(
        outputs[values]!,
        wanted.caches[layer]![1],
        `${target}: values of layer ${layer}`,
        tolerance,
      );
    }
  };
}

/** In codes, more than float32 moves an activation before it is rounded. */
const DOUBT = 1e-4;

describe('decoder_step', () => {
  for (const [name, setup] of Object.entries(setups)) {
    test(name, (context) => {
      runKernel(context, stepCall(setup, prepareStep(setup)), check(setup, wantedOf(setup)));
    });
  }

  const coded = Object.entries(setups).filter(([, { bits }]) => bits !== 0);
  test.for(coded)(
    'no activation is so near to the middle of two codes that either is right: %s',
    ([, setup]) => {
      expect(wantedOf(setup, -DOUBT), 'choose other sizes').toEqual(wantedOf(setup, DOUBT));
    },
  );

  const instead = (call: KernelCase, tensor: number, value: Numbers | null): KernelCase => ({
    ...call,
    outputs: call.outputs.with(tensor, value),
  });
  type Bugs = Readonly<Record<string, (call: KernelCase) => KernelCase>>;
  const bugs: Bugs = {
    'the mask of the sources': (call) => instead(call, 8, null),
    'which tokens are forbidden': (call) => instead(call, 9, null),
    'which past a beam has': (call) => instead(call, 6, new Int32Array(call.outputs[6]!.length)),
    'which source a text has': (call) => instead(call, 7, new Int32Array(base.rows).fill(1)),
    'the scale of scores': (call) => ({ ...call, floats: call.floats!.with(1, 1) }),
    'the place of the norms': (call) => ({ ...call, ints: call.ints!.with(13, 1) }),
  };
  const expectSeen = (context: TestContext, setup: StepSetup, plant: Bugs[string]): void => {
    const planted = plant(stepCall(setup, prepareStep(setup)));
    const wanted = check(setup, wantedOf(setup));
    expect(() => runKernel(context, planted, wanted)).toThrow(/: log-probabilities\[/);
  };
  test.for(Object.entries(bugs))('the loops see a step that forgets %s', ([, plant], context) =>
    expectSeen(context, base, plant),
  );

  /** A tensor of the launch with other numbers. */
  const changed = (call: KernelCase, tensor: number, change: (value: number, i: number) => number) =>
    instead(call, tensor, call.outputs[tensor]!.map(change));
  const [innerCodes, outerScales, projectionScales] = [43, 48, 12];
  const codeBugs: Bugs = {
    'halves of bytes exchanged': (call) =>
      changed(call, innerCodes, (byte) => (byte >> 4) | ((byte & 15) << 4)),
    'one scale doubled': (call) => changed(call, outerScales, (scale, i) => (i === 20 ? 2 * scale : scale)),
    'scales of the projection by another row': (call) =>
      changed(call, projectionScales, (_, i) => Number(call.outputs[projectionScales]!.at(i - 1))),
  };
  test.for(Object.entries(codeBugs))('the loops see codes with %s', ([, plant], context) =>
    expectSeen(context, fourBits, plant),
  );
});

describe('pack_panels', () => {
  // A last panel of each width, in more columns than a transpose takes at a time.
  test('every number of rows', (context) => {
    for (let N = 1; N <= 33; N++) {
      const weight = noise(N * 71);
      const packed = { kernel: 'pack_panels', outputs: [blank(N * 71)], inputs: [weight], ints: [N, 71] };
      expectKernel(context, packed, [slowPanels(weight, N, 71)], {});
    }
  });
  for (const [N, K] of [
    [0, 3],
    [1, 1],
    [31, 5],
    [64, 16],
    [1013, 37],
  ] as const) {
    test(`${N} x ${K}`, (context) => {
      const weight = noise(N * K);
      const packed = { kernel: 'pack_panels', outputs: [blank(N * K)], inputs: [weight], ints: [N, K] };
      expectKernel(context, packed, [slowPanels(weight, N, K)], {});
    });
  }
});
