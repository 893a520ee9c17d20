import { describe, expect, test, vi } from 'vitest';
import { expectClose } from '../../tests/support/compare.ts';
import { needDevice } from '../../tests/support/devices.ts';
import { letterTokenizers, tinyTransformer } from '../../tests/support/reversed-strings.ts';
import { logSoftmaxOf } from '../../tests/support/tree-session.ts';
import { getDevice } from '../core/device.ts';
import { noGrad } from '../core/tape.ts';
import { tensor } from '../core/tensor.ts';
import type { SourceCut } from '../data/length-policy.ts';
import type { SourceText } from '../data/source-text.ts';
import { ConfigError } from '../errors.ts';
import type { Transformer } from '../models/transformer.ts';
import { capture } from '../nn/capture.ts';
import { type Translation, Translator } from './translator.ts';

const tokenizers = letterTokenizers();
const { bos, eos, pad } = tokenizers.target.specialTokens;
const exact = { rtol: 1e-12, atol: 1e-12 };
/** Texts; a blank one is never given to the model. */
const lines = ['abc', '', 'h', 'gfedcbah', 'xyz', 'ab', 'abc', ' a b'];

const spoken = lines.filter((line) => line !== '');

const model = tinyTransformer({ seed: 3 }, { numDecoderLayers: 2 });
const translator = new Translator(model, tokenizers);

const row = (ids: readonly number[]) =>
  tensor(Int32Array.from(ids), [1, ids.length], { dtype: 'int32', device: 'reference' });

function sourceIds(text: string): number[] {
  return [...tokenizers.source.encode(text), eos];
}

function targetIds({ tokens }: Pick<Translation, 'tokens'>): number[] {
  return tokens.map((token) => tokenizers.target.id(token)!);
}

/** Log-probability of an output and its end token, teacher-forced; padding and begin token are never options. */
function forcedLogProb(source: readonly number[], target: readonly number[], isComplete: boolean): number {
  const { data, shape } = noGrad(() => model.forward(row(source), row([bos, ...target])));
  const V = shape[2]!;
  const labels = isComplete ? [...target, eos] : target;
  return labels.reduce((sum, label, t) => {
    const logits = [...data.slice(t * V, (t + 1) * V)];
    for (const id of [pad, bos]) logits[id] = Number.NEGATIVE_INFINITY;
    return sum + logSoftmaxOf(logits)[label]!;
  }, 0);
}

describe('scores', () => {
  for (const beamSize of [1, 4]) {
    test(`are the teacher-forced log-probability, beam ${beamSize}`, () => {
      const options = { beamSize, nBest: beamSize, lengthPenalty: 0.6 };
      for (const { source, nBest } of translator.translate(spoken, options)) {
        const ids = sourceIds(source);
        const limit = 2 * ids.length + 10;
        for (const candidate of nBest) {
          const target = targetIds(candidate);
          const isComplete = target.length < Math.min(limit, model.config.maxSeqLen - 1);
          const logProb = forcedLogProb(ids, target, isComplete);
          const length = target.length + Number(isComplete);
          expectClose([candidate.logProb], [logProb], exact, source);
          expectClose([candidate.score], [logProb / ((5 + length) / 6) ** 0.6], exact, source);
        }
      }
    });
  }
});

describe('texts', () => {
  test('come back in order, each as it would alone, however they are batched', () => {
    for (const beamSize of [1, 3]) {
      const together = translator.translate(lines, { beamSize });
      const cramped = translator.translate(lines, { beamSize, maxTokens: 10 });
      expect(together.map(({ source }) => source)).toEqual(lines);
      for (const [i, line] of lines.entries()) {
        const [alone] = translator.translate([line], { beamSize });
        for (const found of [together[i]!, cramped[i]!]) {
          expect(found.tokens).toEqual(alone!.tokens);
          expectClose([found.score], [alone!.score], exact);
        }
      }
    }
    expect(translator.translate([])).toEqual([]);
  });

  test('that are unknown are translated like any other', () => {
    const [unknown] = translator.translate(['漢字']);
    const { unk } = tokenizers.source.specialTokens;
    expect(sourceIds('漢字')).toEqual([unk, unk, eos]);
    const target = targetIds(unknown!);
    expectClose([unknown!.logProb], [forcedLogProb([unk, unk, eos], target, target.length < 16)], exact);
    expect(unknown!.truncated).toBe(false);
  });

  test('that are blank stay empty, unless a prefix says how they begin', () => {
    const options = { beamSize: 2, nBest: 2, alignments: true };
    const found = translator.translate(['', ' \t', 'ab'], options);
    for (const blank of found.slice(0, 2)) {
      expect(blank).toMatchObject({ text: '', tokens: [], score: 0, logProb: 0, truncated: false });
      expect(blank.alignment).toEqual({ sourceTokens: [], targetTokens: [], weights: [], heads: [] });
    }
    expect(found[2]!.tokens).toEqual(translator.translate(['ab'], options)[0]!.tokens);
    expect(translator.translate([''], { prefixes: ['ab'] })[0]!.text).toMatch(/^ab/);
  });

  test('longer than the model takes lose their end, and say so', () => {
    const room = model.config.maxSeqLen - 1;
    const long = 'abcdefgh'.repeat(6);
    const [cut, fits] = translator.translate([long, long.slice(0, room)]);
    expect([cut!.truncated, fits!.truncated]).toEqual([true, false]);
    expect(cut!.tokens).toEqual(fits!.tokens);
    expect(cut!.source).toBe(long);
  });

  test('are at most maxNewTokens long', () => {
    for (const maxNewTokens of [0, 1, 5, 1000]) {
      const most = Math.min(maxNewTokens, model.config.maxSeqLen - 1);
      for (const { nBest } of translator.translate(lines, { maxNewTokens, beamSize: 2, nBest: 2 }))
        for (const { tokens } of nBest) expect(tokens.length).toBeLessThanOrEqual(most);
    }
  });

  test('start with their forced prefix, one for each text', () => {
    const prefixes = ['ab', undefined, 'hhh', ''];
    for (const beamSize of [1, 2]) {
      const found = translator.translate(['abc', 'abc', 'h', 'abc'], { prefixes, beamSize });
      expect(found[0]!.text.startsWith('ab')).toBe(true);
      expect(found[2]!.text.startsWith('hhh')).toBe(true);
      expect(found[1]!.tokens).toEqual(found[3]!.tokens);
    }
  });
});

describe('sources that are too long', () => {
  /** What a model is given of a source. */
  function given(source: SourceText, cut?: SourceCut, of = model) {
    const spy = vi.spyOn(of, 'decodingOf');
    const [found] = new Translator(of, { ...tokenizers, ...(cut && { cut }) }).translate([source]);
    const [{ ids, structures }] = spy.mock.calls[0]!;
    spy.mockRestore();
    return { ids: [...ids], structures, truncated: found!.truncated };
  }
  const idsOf = (text: string): object => ({ ids: sourceIds(text), truncated: true });

  test.each([
    ['head', 'abcd'],
    ['tail', 'efgh'],
    ['head-tail', 'afgh'],
  ] as const)('are cut as the model was trained: %s', (policy, kept) => {
    expect(given('abcdefgh', { maxLength: 4, policy })).toMatchObject(idsOf(kept));
    expect(given('abcd', { maxLength: 4, policy })).toMatchObject({
      ids: sourceIds('abcd'),
      truncated: false,
    });
  });

  test('keep the sentences that matter', () => {
    const policy = { kind: 'key-passages', selector: 'tf-idf' } as const;
    const text = 'ab ba. cd ef. ba ab.';
    expect(given(text, { maxLength: 7, policy })).toMatchObject(idsOf('cd ef. '));
    expect(given(text, { maxLength: 14, policy })).toMatchObject(idsOf('ab ba. cd ef. '));
  });

  test('are never longer than the model takes, whatever was asked for', () => {
    const long = `${'h'.repeat(30)}abcdefg`;
    const room = model.config.maxSeqLen - 1;
    expect(given(long, { maxLength: 1000, policy: 'tail' })).toMatchObject(idsOf(long.slice(-room)));
  });

  test('keep the ids of unknown words for a model that copies', () => {
    const copying = tinyTransformer(
      {},
      { copy: true, unknownId: tokenizers.source.specialTokens.unk },
    ).eval();
    const { vocabSize } = tokenizers.source;
    // x, y and z are the unknown words 0, 1 and 2 of the whole text.
    expect(given('xaybzx', { maxLength: 3, policy: 'tail' }, copying).ids).toEqual([
      ...[...tokenizers.source.encode('b'), vocabSize + 2, vocabSize],
      eos,
    ]);
  });

  test('lose the nodes of the tokens that they lose', () => {
    const reader = tinyTransformer({}, { encoderPosition: 'structural' }).eval();
    const sentence = {
      words: ['ab', 'cde', 'f', 'gh'],
      heads: [1, -1, 1, 1],
      relations: ['a', 'root', 'b', 'c'],
    };
    const { ids, structures } = given(sentence, { maxLength: 4, policy: 'tail' }, reader);
    expect(ids).toEqual(sourceIds('f gh'));
    // The space belongs to the word before it; the end token is a node of its own.
    expect(structures!.map(({ nodes }) => nodes)).toEqual([[2, 2, 3, 3, 4]]);
  });
});

describe('alignments', () => {
  function captured(source: readonly number[], target: readonly number[], of: Transformer) {
    const name = 'decoder.layers.1.crossAttention.weights';
    const { tensors } = capture(of, [name], () => of.forward(row(source), row([bos, ...target])));
    return tensors.get(name)!;
  }

  test('are the last cross-attention of a forward pass; every row sums to 1', () => {
    for (const translation of translator.translate(spoken, { alignments: true })) {
      const alignment = translation.alignment!;
      const source = sourceIds(translation.source);
      const target = targetIds(translation);
      const { data, shape } = captured(source, target, model);
      expect(shape).toEqual([1, 2, target.length + 1, source.length]);
      expectClose(alignment.heads.flat(2), data, exact);
      const [first, second] = alignment.heads;
      expectClose(
        alignment.weights.flat(),
        first!.flat().map((w, i) => (w + second!.flat()[i]!) / 2),
        exact,
      );
      for (const weights of alignment.weights)
        expectClose([weights.reduce((sum, w) => sum + w, 0)], [1], exact);
      expect(alignment.sourceTokens).toEqual(source.map((id) => tokenizers.source.token(id)));
      expect(alignment.targetTokens).toEqual([...translation.tokens, '</s>']);
    }
  });
});

test('options that cannot be used are refused before anything is computed', () => {
  const wrong = [
    { beamSize: 0 },
    { beamSize: 2, nBest: 3 },
    { nBest: 2 },
    { lengthPenalty: -1 },
    { maxNewTokens: -1 },
    { maxNewTokens: Number.NaN },
  ];
  for (const options of wrong) expect(() => translator.translate(['ab'], options)).toThrow(ConfigError);
});

test('translating leaves no memory behind', () => {
  const { device } = model.sourceEmbedding.weight;
  const run = (): void => {
    translator.translate(lines, { beamSize: 3, alignments: true });
    translator.translate(lines, { alignments: true });
  };
  run();
  const before = device.memory().liveBytes;
  run();
  expect(device.memory().liveBytes).toBe(before);
});

test('batches share the copies of weights that the first one makes, and leave none behind', (context) => {
  needDevice(context, 'native');
  const device = getDevice('native');
  const own = new Translator(tinyTransformer({ device: 'native', seed: 3 }), tokenizers);
  const { liveBuffers } = device.memory();
  const launch = vi.spyOn(device, 'launch');
  const copies = (texts: readonly string[]): { steps: number; packed: number; results: Translation[] } => {
    launch.mockClear();
    const results = own.translate(texts, { maxTokens: 12 });
    const calls = (kernel: string): number =>
      launch.mock.calls.filter(([{ name }]) => name === kernel).length;
    return { steps: calls('decoder_step'), packed: calls('pack_panels'), results };
  };
  const pair = copies(['abc', 'xyz']);
  const many = copies(['abc', 'xyz', 'ab', 'de', 'hgfe', 'abcd']);
  launch.mockRestore();
  expect(many.steps).toBeGreaterThan(2 * pair.steps);
  expect(pair.packed).toBeGreaterThan(5);
  expect(many.packed).toBe(pair.packed);
  expect(many.results.slice(0, 2)).toEqual(pair.results);
  expect(device.memory().liveBuffers).toBe(liveBuffers);
});
