import { describe, expect, test, vi } from 'vitest';
import { countsOf, expectDrawnFrom } from '../../tests/support/chi-square.ts';
import { gptGreedy, gptLogits, tinyGpt } from '../../tests/support/gpts.ts';
import { rowOf } from '../../tests/support/numbers.ts';
import type { Tensor } from '../core/tensor.ts';
import type { AttentionCaches } from '../models/text-cache.ts';
import type { KeyValueCache } from '../nn/attention/cache.ts';
import { generate } from './language-model.ts';
import { LanguageModelSession } from './language-model-session.ts';
import { probabilitiesOf } from './sampling/distribution.ts';

const model = tinyGpt().eval();
const prompts = [[3, 5, 4], [7], [1, 2, 8, 6], [2, 2, 2]];

describe('generate', () => {
  test('continues prompts of any length as one token after the other does', () => {
    const found = generate(model, prompts, { maxNewTokens: 5 });
    const wanted = prompts.map((prompt) => gptGreedy(model, [prompt], prompt.length + 5)[0]!);
    expect(found.map(([best], i) => [...prompts[i]!, ...best!.tokens])).toEqual(wanted);
    expect(found.flat().every(({ complete }) => !complete)).toBe(true);
  });

  test('ends at the end token', () => {
    const free = generate(model, [[3, 5, 4]], { maxNewTokens: 8 })[0]![0]!;
    const eos = free.tokens[4]!;
    const ended = generate(model, [[3, 5, 4]], { maxNewTokens: 8, eos })[0]![0]!;
    expect(ended.complete).toBe(true);
    expect(ended.tokens).toEqual(free.tokens.slice(0, free.tokens.indexOf(eos)));
  });

  test('draws the next token from the softmax of its logits', () => {
    const draws = generate(model, [[3, 5, 4]], {
      maxNewTokens: 1,
      nBest: 4000,
      sample: { temperature: 0.7, seed: 1 },
    });
    const logits = Float64Array.from(rowOf(gptLogits(model, [[3, 5, 4]]), 2, 9), (x) => x / 0.7);
    const exact = new Map([...probabilitiesOf(logits)].map((p, id) => [id, p] as const));
    expectDrawnFrom(countsOf(draws[0]!.map(({ tokens }) => tokens[0]!)), exact);
  });

  test('counts the prompt for penalties', () => {
    const most = { maxNewTokens: 1, sample: { temperature: 0, repetitionPenalty: 1e6 } };
    const best = generate(model, [[3, 5, 4, 8, 1, 2]], most)[0]![0]!;
    const logits = rowOf(gptLogits(model, [[3, 5, 4, 8, 1, 2]]), 5, 9);
    const came = new Set([3, 5, 4, 8, 1, 2]);
    const scored = logits.map((x, id) => (came.has(id) ? (x > 0 ? x / 1e6 : x * 1e6) : x));
    expect(best.tokens).toEqual([scored.indexOf(Math.max(...scored))]);
  });

  test('several results come from a beam without sampling', () => {
    const [results] = generate(model, [[7, 3]], { maxNewTokens: 3, beamSize: 4, nBest: 3 });
    expect(results!.map(({ score }) => score)).toEqual(
      results!.map(({ score }) => score).toSorted((a, b) => b - a),
    );
    expect(results).toHaveLength(3);
  });

  test('refuses more tokens than the model takes, an empty prompt, and unequal prompts in one session', () => {
    expect(() => generate(model, [[1, 2]], { maxNewTokens: 15 })).toThrow(
      'maxNewTokens: expected prompt and new tokens of at most 16 (maxSeqLen), got 2 and 15',
    );
    expect(() => generate(model, [[]], { maxNewTokens: 1 })).toThrow(
      'prompts: expected at least one token, got 0',
    );
    expect(() => new LanguageModelSession(model, [[1, 2], [3]], 1)).toThrow(
      'prompts: expected 2 tokens, as the first has, got 1',
    );
    expect(generate(model, [], { maxNewTokens: 3 })).toEqual([]);
  });
});

describe('a selection of texts', () => {
  /** A session of two texts, and the keys and values of all layers as they stand. */
  function start() {
    const begin = vi.spyOn(model, 'startDecoding');
    const session = new LanguageModelSession(
      model,
      [
        [3, 5, 4],
        [7, 1, 2],
      ],
      4,
    );
    const { layers } = begin.mock.results[0]!.value as AttentionCaches;
    begin.mockRestore();
    return { session, kept: () => (layers as KeyValueCache[]).flatMap(({ keys, values }) => [keys, values]) };
  }

  test('that leaves each where it is copies nothing', () => {
    const { session, kept } = start();
    const before = kept();
    session.select([0, 1]);
    expect(before).toHaveLength(4);
    expect(kept().filter((tensor, i) => tensor !== before[i])).toEqual([]);
    session.dispose();
  });

  test('that moves, doubles or drops some takes keys and values along', () => {
    const { session, kept } = start();
    const [first, second] = [0, 1].map((text) => kept().map((tensor) => textOf(tensor, text)));
    let texts = [first!, second!];
    for (const places of [[1, 0], [0, 1, 1], [0, 1], [1]]) {
      session.select(places);
      texts = places.map((place) => texts[place]!);
      expect([session.rows, ...kept().map(({ shape }) => shape[0])]).toEqual(Array(5).fill(places.length));
      expect(texts.map((_, text) => kept().map((tensor) => textOf(tensor, text)))).toEqual(texts);
    }
    session.dispose();
  });
});

/** What stands in a cache for a text of two tokens. */
function textOf({ data, shape }: Tensor, text: number): number[] {
  return rowOf(data, text, shape[1]! * shape[2]!).slice(0, 2 * shape[2]!);
}
