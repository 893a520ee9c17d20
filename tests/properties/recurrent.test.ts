/** Recurrent layers, convolutions and the attention of recurrent decoders: inventory I10–I16, E17, E18. */
import { describe, expect, it } from 'vitest';
import {
  backward,
  Conv1d,
  conv1d,
  convolution2dAsAttention,
  convolutionAsAttention,
  countOps,
  getDevice,
  noGrad,
  Packing,
  Random,
  RecurrentLayer,
  RecurrentSeq2Seq,
  recurrent,
  Sequences,
  scope,
  sequencePlan,
  sum,
  unfold,
  WindowTagger,
} from '../../src/index.ts';
import {
  convolutionEqualsLoops,
  receptiveFieldIsItsFormula,
  recurrentEqualsLoops,
  recurrentIgnoresPadding,
  reverseIsForwardsReversed,
  seenPlaces,
  sourceAttentionEqualsLoops,
  statesCarryOver,
} from '../support/checks/recurrent.ts';
import {
  batchedEqualsAlone,
  guidedGradientsAreDifferences,
  guidedLossIsThatOfEachPair,
  inputFeedingEqualsLoops,
  recurrentFutureChangesNothing,
  recurrentStepsEqualForward,
} from '../support/checks/recurrent-seq2seq.ts';
import { itOnEachDevice, needDevice } from '../support/devices.ts';
import { disturb } from '../support/models.ts';
import { expectNear, gradientOf, leaf } from '../support/numbers.ts';
import { slowConvolution2d } from '../support/slow-recurrent.ts';

const context = (device = 'reference') => ({ random: new Random(5, 'recurrent'), device });

describe('recurrent layers', () => {
  itOnEachDevice('equal scalar loops (I10, I11)', recurrentEqualsLoops);
  itOnEachDevice('ignore padding, in values and gradients, both ways', recurrentIgnoresPadding);
  itOnEachDevice('run backwards as forwards over the reversed sequence', reverseIsForwardsReversed);
  itOnEachDevice('hand their states over', statesCarryOver);

  it('give the same bits on any number of threads', (context) => {
    needDevice(context, 'native');
    const device = getDevice('native');
    const threads = device.threads();
    const lengths = Array.from({ length: 50 }, (_, i) => (i * 7) % 9);
    const bits = (count: number): string => {
      device.setThreads(count);
      return scope(() => {
        const made = { random: new Random(1, 'threads'), device };
        const layer = new RecurrentLayer(
          { cell: 'lstm', inputWidth: 3, width: 33, bidirectional: true },
          made,
        );
        const x = leaf([1, lengths.reduce((a, b) => a + b), 3], 1, 'x', 'native');
        const { output } = layer.forward(x, Sequences.packed(new Packing(lengths, device)));
        const forward = Float32Array.from(output.data);
        backward(sum(output));
        const results = [
          { data: forward },
          x.grad!,
          ...layer.parameters().map((parameter) => parameter.grad!),
        ];
        return results
          .map(({ data }) => Buffer.from(new Float32Array(data).buffer).toString('base64'))
          .join();
      });
    };
    try {
      expect(new Set([1, 2, 3, 4].map(bits)).size).toBe(1);
    } finally {
      device.setThreads(threads);
    }
  });

  it('refuse sequences that overlap or leave the batch', () => {
    const { device } = leaf([1], 1, 'device');
    const plan = (...ranges: [number, number][]) =>
      sequencePlan(
        ranges.map(([first, length]) => ({ first, length })),
        5,
        device,
      );
    expect(plan([3, 2], [0, 3]).toArray()).toEqual([
      [0, 3],
      [3, 2],
      [1, 0],
    ]);
    for (const ranges of [
      [
        [0, 3],
        [2, 2],
      ],
      [[4, 2]],
      [[-1, 2]],
      [[0, -1]],
    ] as [number, number][][]) {
      expect(() => plan(...ranges)).toThrowError(
        /recurrent: expected sequences that do not overlap within 5 rows/,
      );
    }
  });

  it('name the shape that does not fit', () => {
    const plan = sequencePlan([{ first: 0, length: 2 }], 2, leaf([1], 1, 'device').device);
    const run = (x: number[], weight: number[]) => () =>
      recurrent(leaf(x, 1, 'x'), leaf(weight, 1, 'weight'), null, { kind: 'lstm', plan });
    expect(run([2, 12], [12, 3])).not.toThrow();
    expect(run([2, 11], [12, 3])).toThrowError(/recurrent: expected x \[rows, 12\]/);
    expect(run([2, 12], [9, 3])).toThrowError(/recurrent: expected lstm weight \[12, 3\], got \[9, 3\]/);
  });
});

describe('convolutions', () => {
  itOnEachDevice('equal scalar loops for every window (I15)', convolutionEqualsLoops);

  it('see 1 + N (k − 1) rows, none of them later in a causal stack (I15)', receptiveFieldIsItsFormula);

  it('refuse windows and lengths that cannot be used', () => {
    const x = leaf([4, 2], 1, 'x');
    const window = { taps: 2, stride: 1, dilation: 1, before: 0, after: 0 };
    expect(() => unfold(x, [4], { ...window, stride: 0 })).toThrowError(
      /unfold.stride: expected a whole number/,
    );
    expect(() => unfold(x, [3], window)).toThrowError(
      /unfold: expected lengths that add up to 4 rows, got 3/,
    );
    expect(() => conv1d(leaf([1, 4, 3], 1, 'x'), leaf([2, 2, 2], 1, 'w'), null)).toThrowError(
      /conv1d: expected/,
    );
    expect(() => new Conv1d({ inputWidth: 4, outputWidth: 3, taps: 1, groups: 2 }, context())).toThrowError(
      /Conv1d.groups: expected a divisor of both widths/,
    );
  });

  itOnEachDevice('are multi-head self-attention by construction, to 1e-6 (I16, Q35)', (device) => {
    for (const [taps, dilation, before, after] of [
      [1, 1, 0, 0],
      [3, 1, 1, 1],
      [5, 1, 4, 0],
      [3, 2, 2, 2],
    ] as const) {
      const [x, weight, bias] = [
        leaf([2, 11, 4], taps, 'x', device),
        leaf([3, taps, 4], taps, 'weight', device),
        leaf([3], taps, 'bias', device),
      ];
      const window = { dilation, before, after };
      const direct = conv1d(x, weight, bias, window);
      const attended = convolutionAsAttention(x, weight, bias, window);
      expect(attended.shape).toEqual(direct.shape);
      expectNear(attended.data, direct.data, 1e-6, `${taps} heads`);
    }
  });

  itOnEachDevice('over images too, with K² heads (I16)', (device) => {
    const [height, width, channels, taps, out] = [5, 4, 2, 3, 3];
    const x = leaf([height, width, channels], 1, 'image', device);
    const weight = leaf([out, taps, taps, channels], 1, 'kernel', device);
    const bias = leaf([out], 1, 'bias', device);
    const expected = slowConvolution2d(x.data, weight.data, bias.data, { height, width, channels, taps });
    expectNear(convolution2dAsAttention(x, weight, bias).data, expected, 1e-6, 'nine heads');
  });
});

describe('the window tagger (I14)', () => {
  const tagger = (window: number) =>
    disturb(new WindowTagger({ vocabSize: 11, numTags: 3, dModel: 4, window, dFf: 9 }, context()), 2);

  it('sees w words on each side and none beyond', () => {
    for (const window of [0, 1, 2, 4]) {
      const x = leaf([1, 13, 4], window, 'words');
      const logits = tagger(window).tag(x);
      for (const at of [0, 6, 12]) {
        const expected = Array.from({ length: 13 }, (_, t) => t).filter((t) => Math.abs(t - at) <= window);
        expect(seenPlaces(logits, at, x), `window ${window} at ${at}`).toEqual(expected);
      }
    }
  });

  it('costs more with every word of the window: weights and operations grow as 2 w + 1 (Q37)', () => {
    const cost = (window: number) => {
      const model = tagger(window);
      const x = leaf([1, 13, 4], 1, 'words');
      const { counts } = countOps(() => noGrad(() => model.tag(x)));
      return { weights: model.numParameters, flops: counts.flops };
    };
    const [c0, c1, c2, c4] = [0, 1, 2, 4].map(cost) as [
      ReturnType<typeof cost>,
      ...ReturnType<typeof cost>[],
    ];
    for (const part of ['weights', 'flops'] as const) {
      const step = c1![part] - c0[part];
      expect(step).toBeGreaterThan(0);
      expect(c2![part] - c0[part], part).toBe(2 * step);
      expect(c4![part] - c0[part], part).toBe(4 * step);
    }
  });
});

describe('attention of recurrent decoders (E17)', () => {
  itOnEachDevice('equals scalar loops, packed, for every score', sourceAttentionEqualsLoops);
});

describe('recurrent encoder–decoders (I12, I13)', () => {
  itOnEachDevice(
    'token by token give the logits of the packed pass, through beams',
    recurrentStepsEqualForward,
  );
  itOnEachDevice('give a pair in a batch what it gets alone', batchedEqualsAlone);
  itOnEachDevice('with input feeding equal scalar loops (E17)', inputFeedingEqualsLoops);
  itOnEachDevice('are drawn to the diagonal by the loss of each pair (E18)', guidedLossIsThatOfEachPair);
  it.each(['gru', 'lstm'] as const)(
    'have the gradients of central differences, the guided loss included: %s',
    guidedGradientsAreDifferences,
  );
  it('know nothing of later target tokens, and something of the source', recurrentFutureChangesNothing);

  it('without attention know of the source the last state only, with it all of them (X44)', () => {
    const packed = (ids: number[]) => ({ ids: Int32Array.from(ids), lengths: [ids.length] });
    const sizes = {
      sourceVocabSize: 9,
      targetVocabSize: 9,
      dModel: 6,
      numLayers: 1,
      dropout: 0,
      bidirectional: false,
    };
    for (const attention of ['none', 'luong'] as const) {
      const model = new RecurrentSeq2Seq({ ...sizes, attention, cell: 'gru' }, context());
      const { weight } = model.encoder.layers[0]!.ahead;
      weight.data.fill(0);
      model.encoder.layers[0]!.ahead.bias.data.fill(-30, 6, 12); // no update gate: each state is of its own token
      model.encoder.layers[0]!.ahead.input.weight.data.fill(0, 36, 72);
      backward(sum(model.forwardPacked(packed([3, 4, 5]), packed([1, 2]))));
      const gradient = gradientOf(model.sourceEmbedding.weight);
      const reached = [3, 4, 5].map((id) =>
        gradient.slice(id * 6, id * 6 + 6).some((g) => Math.abs(g) > 1e-9),
      );
      expect(reached, attention).toEqual(attention === 'none' ? [false, false, true] : [true, true, true]);
    }
  });

  it('have nothing to feed without attention', () => {
    const sizes = { sourceVocabSize: 5, targetVocabSize: 5, dModel: 8 };
    const make = () => new RecurrentSeq2Seq({ ...sizes, attention: 'none', inputFeeding: true });
    expect(make).toThrowError('inputFeeding: it feeds what attention found, and attention is none');
  });

  it('list every field that cannot be used', () => {
    const make = () =>
      new RecurrentSeq2Seq({
        ...{ sourceVocabSize: 0, targetVocabSize: 5, dModel: 7, cell: 'rnn' as 'lstm' },
        ...{ attention: 'soft' as 'none', dropout: 1 },
      });
    expect(make).toThrowError(/sourceVocabSize.*cell.*dropout.*dModel.*attention/);
  });
});
