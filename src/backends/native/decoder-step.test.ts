/** A decoding step in one launch against loops over texts, heads and tokens; weights copied into panels. */
import { describe, expect, test } from 'vitest';
import {
  blank,
  expectClose,
  expectKernel,
  type KernelCase,
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
  ...{ gated: false, rms: false },
};
const setups: Readonly<Record<string, StepSetup>> = {
  'one text, its first token': { ...base, rows: 1, place: 0, S: 5 },
  'post-norm, rows of weights': base,
  'pre-norm, panels, rotary halves': { ...base, preNorm: true, panels: true, position: 'halves' },
  'panels, rotary neighbours, gelu': { ...base, panels: true, position: 'interleaved', activation: 'gelu' },
  'gates, norms by the root mean square': { ...base, gated: true, rms: true, activation: 'silu' },
  'gates, panels, pre-norm': { ...base, gated: true, panels: true, preNorm: true, activation: 'sigmoid' },
  'pre-norm, five texts, one best token': { ...base, preNorm: true, rows: 5, best: 1, layers: 1 },
  'a vocabulary smaller than a block, a width of one': {
    ...{ ...base, rows: 2, C: 5, H: 1, keyWidth: 2, valueWidth: 1, F: 3, V: 19, best: 17 },
  },
};

/** Where the caches of a layer stand among the tensors of a launch. */
const cachesOf = (layer: number): readonly [keys: number, values: number] => [
  29 + 37 * layer,
  30 + 37 * layer,
];

/** What the step gives, and the caches after it. */
function wantedOf(setup: StepSetup) {
  const step = prepareStep(setup);
  const { tokens, scores } = slowStep(setup, step);
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

describe('decoder_step', () => {
  for (const [name, setup] of Object.entries(setups)) {
    test(name, (context) => {
      runKernel(context, stepCall(setup, prepareStep(setup)), check(setup, wantedOf(setup)));
    });
  }

  const instead = (call: KernelCase, tensor: number, value: Int32Array | null): KernelCase => ({
    ...call,
    outputs: call.outputs.with(tensor, value),
  });
  const bugs: Readonly<Record<string, (call: KernelCase) => KernelCase>> = {
    'the mask of the sources': (call) => instead(call, 8, null),
    'which tokens are forbidden': (call) => instead(call, 9, null),
    'which past a beam has': (call) => instead(call, 6, new Int32Array(call.outputs[6]!.length)),
    'which source a text has': (call) => instead(call, 7, new Int32Array(base.rows).fill(1)),
    'the scale of scores': (call) => ({ ...call, floats: call.floats!.with(1, 1) }),
    'the place of the norms': (call) => ({ ...call, ints: call.ints!.with(13, 1) }),
  };
  test.for(Object.entries(bugs))('the loops see a step that forgets %s', ([, plant], context) => {
    const planted = plant(stepCall(base, prepareStep(base)));
    const wanted = check(base, wantedOf(base));
    expect(() => runKernel(context, planted, wanted)).toThrow(/: log-probabilities\[/);
  });
});

describe('pack_panels', () => {
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
