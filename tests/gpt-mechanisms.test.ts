/** Every mechanism that a decoder-only model can be built of: the same with caches, blind to the future, or refused. */
import { describe, expect, it } from 'vitest';
import {
  attentions,
  ConfigError,
  Gpt,
  type GptConfig,
  positions,
  quantize,
  validateExperiment,
} from '../src/index.ts';
import { treeAttentions } from '../src/nn/attention/kinds.ts';
import { treePositions } from '../src/nn/position/index.ts';
import {
  futureChangesNothing,
  gptStepsEqualForward,
  llamaStepsEqualForward,
  stepsEqualForward,
} from './support/checks/gpt.ts';
import { itOnEachDevice } from './support/devices.ts';
import { llamaLike, tinyLlama } from './support/gpts.ts';

type Fields = Partial<GptConfig>;
const ofPositions = Object.keys(positions)
  .filter((kind) => !treePositions.has(kind))
  .map((position) => ({ position }) as Fields);
const ofAttentions = Object.keys(attentions)
  .filter((kind) => kind !== 'linformer' && !treeAttentions.has(kind))
  .map((attention) => ({ attention }) as Fields);
const further: readonly Fields[] = [
  { attention: { kind: 'multi-head', numKvHeads: 1, softCap: 2 }, position: 'shaw' },
  { attention: { kind: 'multi-head', qkNorm: true, learnedScale: true, headGates: true }, position: 'rope' },
  { attention: { kind: 'multi-head', tieQueryKey: true } },
  { attention: { kind: 'local', left: 2, right: 0 }, position: 'alibi' },
  { attention: { kind: 'bigbird', blockSize: 2, window: 1, globals: 1, random: 1 } },
  { feedForward: { kind: 'moe', experts: 3, topK: 2, expert: 'swiglu' }, norm: 'scale' },
  { normPlacement: 'post', headDim: 6, scaleEmbeddings: true, shareLayers: true },
  { parallelResidual: true, norm: 'rms', feedForward: 'geglu' },
  { normPlacement: 'deep', norm: 'rms', attentionScale: 'linear' },
  { attentionScale: 't5', position: 't5', norm: 'rms' },
];
const all = [llamaLike, ...ofPositions, ...ofAttentions, ...further].map(
  (fields) => [JSON.stringify(fields), fields] as const,
);

describe.each(all)('%s', (_, fields) => {
  it('says with caches what it says in one pass', () => gptStepsEqualForward('reference', fields));
  it('sees no later token', () => futureChangesNothing('reference', fields));
});

describe('a model like LLaMA', () => {
  itOnEachDevice('says with caches what it says in one pass', llamaStepsEqualForward);
  itOnEachDevice('says so quantised too', (device) => {
    stepsEqualForward(quantize(tinyLlama(device).eval(), { dtype: 'int8' }), device);
  });

  it('has the parameters that its papers count', () => {
    const [V, C, L, F, T] = [50, 24, 3, 40, 10];
    const sizes = { vocabSize: V, maxSeqLen: T, dModel: C, numLayers: L, numHeads: 4, dFf: F };
    const model = new Gpt({ ...sizes, ...llamaLike, attention: { kind: 'multi-head', numKvHeads: 2 } });
    const attention = C * C + 2 * (C / 2) * C + C * C; // queries, keys and values of half as many heads, output
    expect(model.numParameters).toBe(2 * V * C + L * (attention + 3 * C * F + 2 * C) + C);
  });
});

const messageOf = (fields: Fields): string => {
  try {
    new Gpt({ vocabSize: 9, dModel: 8, numHeads: 2, maxSeqLen: 8, ...fields });
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).message;
  }
  return 'no error';
};

describe('what cannot be', () => {
  it.each<[Fields, string]>([
    [{ attention: 'graph' }, 'attention: graph: it needs trees'],
    [{ position: 'structural' }, 'position: structural: it needs trees'],
    [{ attention: 'linformer' }, 'attention: linformer: each projected key mixes the whole text'],
    [{ norm: 'sentence' }, 'norm: sentence: a mean over a whole text'],
    [{ attention: 'linear', position: 't5' }, 'attention: linear: position t5 adds to scores'],
    [{ position: 'rope', headDim: 3 }, 'position: rope: it turns pairs: expected an even head width, got 3'],
    [{ attention: { kind: 'multi-head', numKvHeads: 3 } }, 'expected numHeads (2) to be a multiple'],
    [{ position: 'rotary' as 'rope' }, 'position: expected one of'],
    [
      { normPlacement: 'dep' as 'pre' },
      'normPlacement: expected one of post, pre, deep, got "dep"; did you mean "deep"?',
    ],
    [
      { position: 'both' as 'alibi' },
      'position: expected one kind, got "both"; kinds exclude each other: alibi and',
    ],
    [{ attention: { kind: 'local', left: 0, right: 5 } }, 'attention: local: a window of 0 sees nothing but'],
    [{ attention: 'linear', attentionDropout: 0.2 }, 'attentionDropout: goes not with attention linear'],
    [{ attention: 'bilinear', attentionScale: 't5' }, 'attentionScale: goes not with attention bilinear'],
    [{ feedForward: 'swiglu', activation: 'tanh' }, 'activation: goes not with feedForward swiglu'],
    [
      { normPlacement: 'deep', parallelResidual: true },
      'parallelResidual: expected false with normPlacement deep',
    ],
    [{ attentionScale: 'root' as 'sqrt' }, 'attentionScale: expected one of'],
    [{ dropout: 1, dFf: 0 }, 'dFf: expected a whole number of at least 1, got 0; dropout: expected a rate'],
  ])('%j', (fields, message) => expect(messageOf(fields)).toContain(message));
});

describe('in an experiment', () => {
  const experiment = (model: object) =>
    validateExperiment({
      name: 'small',
      data: { format: 'text', path: 'a.txt', segmentLength: 8, batchSize: 2 },
      tokenizer: { shared: { kind: 'char' } },
      model: { kind: 'gpt', dModel: 8, numHeads: 2, maxSeqLen: 8, ...model },
      training: { maxSteps: 1 },
    });

  it('mechanisms are names or groups, and GPT-2 by default', () => {
    expect(experiment({}).model).toMatchObject({ position: 'learned', norm: 'layer', feedForward: 'mlp' });
    expect(experiment(llamaLike).model).toMatchObject({
      position: { kind: 'rope', layout: 'halves', base: 10_000 },
      attention: { kind: 'multi-head', numKvHeads: 1, softCap: 0 },
      feedForward: 'swiglu',
    });
  });

  it.each<[object, string]>([
    [{ attention: 'linformer' }, 'model.attention: linformer: each projected key'],
    [
      { position: { kind: 'rope', lay: 'halves' } },
      'model.position.lay: unknown field; known are kind, layout',
    ],
    [{ feedForward: 'swigl' }, 'did you mean "swiglu"?'],
    [{ position: ['alibi', 'learned'] }, 'write position: alibi or position: learned'],
    [
      { position: 'both' },
      'model.position: expected one kind, got "both"; kinds exclude each other: alibi and',
    ],
    [{ dModel: 9 }, 'model.numHeads: expected a divisor of dModel (9), or a headDim, got 2'],
    [{ maxSeqLen: 4 }, 'data.segmentLength: expected at most 4 (model.maxSeqLen), got 8'],
  ])('%j', (model, message) => expect(() => experiment(model)).toThrow(message));
});
