import { describe, expect, test } from 'vitest';
import {
  almost,
  circling,
  draftsDrawFromTheTarget,
  guessesChangeNothing,
  guessesOfAModelChangeNothing,
} from '../../../tests/support/checks/parallel.ts';
import { needDevice } from '../../../tests/support/devices.ts';
import { disturb } from '../../../tests/support/models.ts';
import { tinyTransformer } from '../../../tests/support/reversed-strings.ts';
import { TreeSession } from '../../../tests/support/tree-session.ts';
import { Random } from '../../core/random.ts';
import { collate } from '../../data/collate.ts';
import type { Transformer } from '../../models/transformer.ts';
import { greedySearch } from '../greedy.ts';
import { ModelSession } from '../session.ts';
import { jacobiSearch } from './jacobi.ts';
import { speculativeSearch } from './speculative.ts';

describe('guessing', () => {
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

describe('with models', () => {
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

  test('a language model continues its prompts alike', () => guessesOfAModelChangeNothing());

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
