/** A name that nothing has, in every function of the library that takes one: the error says the nearest that there is. */
import '../src/backends/register.ts';
import { describe, expect, it } from 'vitest';
import {
  ConfigError,
  checkSamplingOptions,
  cutSource,
  encodeSegments,
  LuongAttention,
  makeAttention,
  makeFeedForward,
  makeNorm,
  makePosition,
  positionRequirements,
  Random,
  Translator,
  truncate,
  tuneThreshold,
} from '../src/index.ts';
import { tinyModel } from './support/models.ts';
import { letterTokenizers } from './support/reversed-strings.ts';

const context = { random: new Random(1, 'init'), device: 'reference' };
const positionSizes = {
  ...{ width: 8, maxSeqLen: 9, numLayers: 1, causal: true },
  ...{ numHeads: 2, headDim: 4, valueDim: 4 },
};
const attentionSizes = {
  ...{ dModel: 8, numHeads: 2, headDim: 4, valueDim: 4, dropout: 0, bias: true, scale: 'sqrt', maxSeqLen: 9 },
  ...{ role: 'decoder', position: 'none' },
};

const calls: readonly (readonly [name: string, call: () => unknown, message: RegExp])[] = [
  ['makePosition', () => makePosition('ropee' as never, positionSizes, context), /did you mean "rope"/],
  [
    'makePosition, an option',
    () => makePosition({ kind: 'rope', layuot: 'halves' } as never, positionSizes, context),
    /layuot: unknown option; did you mean "layout"/,
  ],
  ['makePosition, a clash', () => makePosition('structural', positionSizes, context), /has no tree yet/],
  ['makeAttention', () => makeAttention('locl' as never, attentionSizes as never, context), /mean "local"/],
  [
    'makeAttention, a clash',
    () => makeAttention('linformer', attentionSizes as never, context),
    /only encoderAttention can be linformer/,
  ],
  ['makeNorm', () => makeNorm('rmss' as never, { width: 8, eps: 1e-5 } as never, context), /mean "rms"/],
  ['makeFeedForward', () => makeFeedForward('swiglo' as never, {} as never, context), /mean "swiglu"/],
  ['positionRequirements', () => positionRequirements('ropee' as never), /did you mean "rope"/],
  [
    'encodeSegments',
    () => encodeSegments(tinyModel(), [4, 5], { length: 2, pooling: 'maxx' as never }),
    /did you mean "max"/,
  ],
  [
    'translate',
    () =>
      new Translator(tinyModel(), letterTokenizers()).translate(['ab'], { sample: { topPP: 1 } as never }),
    /did you mean "topP"/,
  ],
  ['tuneThreshold', () => tuneThreshold([1], [true], 'f2' as never), /did you mean "f1"/],
  ['truncate', () => truncate([1, 2], 1, 'heed' as never), /did you mean "head"/],
  [
    'cutSource',
    () => cutSource({ source: [1, 2] }, { maxLength: 1, policy: 'tial' as never }),
    /did you mean "tail"/,
  ],
  [
    'checkSamplingOptions',
    () => checkSamplingOptions({ tempreature: 3 } as never),
    /did you mean "temperature"/,
  ],
  [
    'LuongAttention',
    () => new LuongAttention({ queryWidth: 4, memoryWidth: 4 }, context, { score: 'generl' as never }),
    /did you mean "general"/,
  ],
];

describe('a name that nothing has', () => {
  it.each(calls)('%s', (_, call, message) => {
    expect(call).toThrow(ConfigError);
    expect(call).toThrow(message);
  });
});
