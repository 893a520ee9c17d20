import { describe, expect, test, vi } from 'vitest';
import {
  almost,
  circling,
  draftsDrawFromTheModel,
  draftsDrawFromTheTarget,
  guessesChangeNothing,
  guessesOfAModelChangeNothing,
} from '../../../tests/support/checks/parallel.ts';
import { needDevice } from '../../../tests/support/devices.ts';
import { disturb } from '../../../tests/support/models.ts';
import {
  encodePairs,
  letterTokenizers,
  reversedStrings,
  tinyTransformer,
} from '../../../tests/support/reversed-strings.ts';
import { trainOnPairs } from '../../../tests/support/train-pairs.ts';
import { TreeSession } from '../../../tests/support/tree-session.ts';
import { Random } from '../../core/random.ts';
import { collate } from '../../data/collate.ts';
import type { Transformer } from '../../models/transformer.ts';
import { greedySearch } from '../greedy.ts';
import { ModelSession } from '../session.ts';
import { jacobiSearch } from './jacobi.ts';
import { speculativeSearch } from './speculative.ts';

describe('guessing (I19)', () => {
  test('changes no token and no score', () => guessesChangeNothing());
  test('and drawing draws from the large model', () => draftsDrawFromTheTarget());

  test('saves passes: a draft that is right four times of five, and texts that run in circles', () => {
    const tree = circling(3, 6);
    const options = { bos: 0, eos: 99, maxNewTokens: 40 };
    const session = () => new TreeSession(tree);
    const jacobi = jacobiSearch(session(), { ...options, blockSize: 5 });
    const drafted = speculativeSearch(session(), new TreeSession(almost(tree, 3, 6)), options);
    const perfect = speculativeSearch(session(), new TreeSession(tree), options);
    expect(jacobi.passes).toBeLessThan(40);
    expect(drafted.passes).toBeLessThan(25);
    expect(perfect.passes).toBe(8); // four drafted tokens and one more in each pass
    expect(perfect.accepted).toBe(32);
  });

  test('refuses block sizes that are none', () => {
    const options = { bos: 0, eos: 1, maxNewTokens: 3 };
    const session = new TreeSession(circling(1, 4));
    expect(() => jacobiSearch(session, { ...options, blockSize: 0 })).toThrow(
      'blockSize: expected a whole number of at least 1, got 0',
    );
    expect(() => speculativeSearch(session, session, { ...options, draftTokens: 1.5 })).toThrow(
      'draftTokens: expected a whole number of at least 1, got 1.5',
    );
  });
});

describe('guessing with models (I19)', () => {
  const [bos, eos, pad] = [2, 3, 0];
  const limits = { bos, eos, maxNewTokens: 12, forbidden: [pad, bos] };
  const random = new Random(1, 'prompts');
  const prompts = Array.from({ length: 1000 }, () => [
    ...Array.from({ length: 1 + random.integer(8) }, () => 4 + random.integer(8)),
    eos,
  ]);

  const sum = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0);

  /** The same model with slightly other weights. */
  const neighbourOf = (model: Transformer, device: string): Transformer => {
    const other = tinyTransformer({ device, seed: 8 }).eval();
    const noise = new Random(2, 'noise');
    const state = model.stateDict();
    for (const [path, { data }] of other.stateDict())
      data.set(Float64Array.from(state.get(path)!.data, (x) => x * (1 + 0.05 * noise.normal())));
    return other;
  };

  test.for(['native', 'wasm'])(
    '1000 prompts get the tokens of greedy decoding in fewer passes, on %s',
    (device, context) => {
      needDevice(context, device);
      const counted = { greedy: 0, jacobi: 0, speculative: 0 };
      const model = disturb(tinyTransformer({ device, seed: 8 }), 1).eval();
      const draft = neighbourOf(model, device);
      for (let from = 0; from < prompts.length; from += 50) {
        const batch = collate(prompts.slice(from, from + 50), { padId: pad });
        const session = (of: Transformer) => new ModelSession(of, batch, 13);
        const plain = session(model);
        const greedy = greedySearch(plain, limits);
        for (const { tokens, complete } of greedy) counted.greedy += tokens.length + Number(complete);
        const drafts = session(draft);
        const [a, b, c] = [session(model), session(model), plain];
        const jacobi = jacobiSearch(a, { ...limits, blockSize: 4 });
        const speculative = speculativeSearch(b, drafts, { ...limits, draftTokens: 4 });
        for (const { hypotheses } of [jacobi, speculative])
          expect(hypotheses.map(({ tokens }) => tokens)).toEqual(greedy.map(({ tokens }) => tokens));
        counted.jacobi += sum(jacobi.textPasses);
        counted.speculative += sum(speculative.textPasses);
        for (const used of [a, b, c, drafts]) used.dispose();
      }
      expect(counted.greedy).toBeGreaterThan(5000);
      expect(counted.jacobi, JSON.stringify(counted)).toBeLessThan(0.9 * counted.greedy);
      expect(counted.speculative, JSON.stringify(counted)).toBeLessThan(0.7 * counted.greedy);
    },
  );

  test('a trained model is asked less often', { timeout: 120_000 }, (context) => {
    needDevice(context, 'native');
    const tokenizers = letterTokenizers();
    const strings = reversedStrings(1030, { seed: 4, shortest: 6, longest: 6 });
    const pairs = encodePairs(strings, tokenizers);
    const trained = (steps: number, seed: number): Transformer => {
      const fresh = tinyTransformer({ device: 'native', seed }, { dModel: 32, dFf: 64 });
      trainOnPairs(fresh, pairs.slice(30), tokenizers, steps, { learningRate: 0.01, training: { seed } });
      return fresh;
    };
    const [model, draft] = [trained(400, 1), trained(70, 2)];
    const calls = { greedy: 0, jacobi: 0, speculative: 0 };
    let differs = 0;
    for (const { source } of pairs.slice(0, 30)) {
      const batch = collate([[...source, eos]], { padId: pad });
      const open = (of: Transformer) => new ModelSession(of, batch, 13);
      const [a, b, c, drafts, alone] = [open(model), open(model), open(model), open(draft), open(draft)];
      const [steps, blocks, drafted] = [vi.spyOn(a, 'step'), vi.spyOn(b, 'extend'), vi.spyOn(c, 'extend')];
      const [greedy] = greedySearch(a, limits);
      const jacobi = jacobiSearch(b, { ...limits, blockSize: 4 });
      const speculative = speculativeSearch(c, drafts, { ...limits, draftTokens: 4 });
      const [own] = greedySearch(alone, limits);
      if (own!.tokens.join() !== greedy!.tokens.join()) differs++;
      for (const { hypotheses } of [jacobi, speculative])
        expect(hypotheses[0]!.tokens).toEqual(greedy!.tokens);
      // What the results say of their cost is what the model was asked.
      expect(jacobi.passes).toBe(blocks.mock.calls.length);
      expect(speculative.passes).toBe(drafted.mock.calls.length);
      calls.greedy += steps.mock.calls.length;
      calls.jacobi += jacobi.passes;
      calls.speculative += speculative.passes;
      for (const used of [a, b, c, drafts, alone]) used.dispose();
    }
    expect(calls.greedy).toBeGreaterThan(30 * 6);
    expect(differs, 'texts that the draft alone gets otherwise').toBeGreaterThan(0);
    expect(calls.jacobi, JSON.stringify(calls)).toBeLessThan(calls.greedy);
    expect(calls.speculative, JSON.stringify(calls)).toBeLessThan(calls.greedy / 2);
  });

  test('a language model continues its prompts alike', () => guessesOfAModelChangeNothing());
  test('drawing with a draft draws from the model', () => draftsDrawFromTheModel());

  test('a session that was made for the likeliest tokens only says so', (context) => {
    needDevice(context, 'native');
    const model = tinyTransformer({ device: 'native' }).eval();
    const session = new ModelSession(model, collate([[4, eos]], { padId: pad }), 5, { best: 1 });
    expect(() => jacobiSearch(session, limits)).toThrow(
      'this session takes one token at a time and none back',
    );
    session.dispose();
  });
});
