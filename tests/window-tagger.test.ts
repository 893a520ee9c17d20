/** The window tagger on words whose tag depends on a neighbour: too narrow a window cannot know (I14, Q37). */
import { expect, test } from 'vitest';
import { Adam, backward, crossEntropy, Random, scope, sum, tensor, WindowTagger } from '../src/index.ts';
import { needDevice } from './support/devices.ts';
import { rowOf } from './support/numbers.ts';

const WORDS = 6;
const LENGTH = 20;
/** The tag of a word says whether the word two places before it was one of the first half. */
const DISTANCE = 2;

function sentences(random: Random, count: number) {
  const ids = Int32Array.from({ length: count * LENGTH }, () => random.integer(WORDS));
  const tags = ids.map((_, i) => (i % LENGTH < DISTANCE ? 2 : Number(ids[i - DISTANCE]! < WORDS / 2)));
  const on = { dtype: 'int32', device: 'native' } as const;
  return { ids: tensor(ids, [count, LENGTH], on), tags: tensor(tags, [count, LENGTH], on) };
}

/** Share of right tags on unseen sentences. */
function accuracy(window: number): number {
  const sizes = { vocabSize: WORDS, numTags: 3, dModel: 8, dFf: 32 };
  const model = new WindowTagger({ ...sizes, window }, { random: new Random(1, 'init'), device: 'native' });
  const adam = new Adam(model.namedParameters());
  const random = new Random(1, 'sentences');
  for (let step = 0; step < 250; step++) {
    scope(() => {
      const { ids, tags } = sentences(random, 16);
      backward(sum(crossEntropy(model.forward(ids), tags)));
      adam.step(0.01, 1 / tags.size);
      model.zeroGrad();
    });
  }
  return scope(() => {
    const { ids, tags } = sentences(new Random(2, 'test'), 100);
    const { data } = model.forward(ids);
    const right = Array.from(tags.data).filter((tag, i) => {
      const row = rowOf(data, i, 3);
      return row.indexOf(Math.max(...row)) === tag;
    });
    return right.length / tags.size;
  });
}

test('a window of two words on each side is enough, one word is not (I14)', {
  timeout: 60_000,
}, (context) => {
  needDevice(context, 'native');
  const [zero, one, two, four] = [0, 1, 2, 4].map(accuracy);
  // Guessing among two tags, and the first two words of twenty, which a window of one can tell in part by the border.
  expect(zero).toBeLessThan(0.6);
  expect(one).toBeLessThan(0.65);
  expect(two).toBeGreaterThan(0.99);
  expect(four).toBeGreaterThan(0.99);
});
