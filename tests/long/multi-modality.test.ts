/** Writing all tokens at once costs nothing where one answer is right, and much where two are (inventory I17, J16, Q39). */
import { expect, test } from 'vitest';
import type { TokenPair } from '../../src/data/batching.ts';
import type { EncoderDecoder } from '../../src/models/encoder-decoder.ts';
import { needDevice } from '../support/devices.ts';
import { letterTokenizers } from '../support/reversed-strings.ts';
import { trainOnPairs } from '../support/train-pairs.ts';
import { bothAnswers, drawSources, natFor, outputsOf, transformerFor } from '../support/two-answers.ts';

const STEPS = 700;
const tokenizers = letterTokenizers();
const learned = drawSources(1000, 3);
const known = new Set(learned.map(String));
const asked = drawSources(300, 4)
  .filter((source) => !known.has(String(source)))
  .slice(0, 200);

const backwards = (source: readonly number[]): number[] => source.toReversed();
const textOf = (ids: readonly number[]): string => tokenizers.target.decode(ids);

/** What may be said of a source, and the pairs to learn from. */
const tasks = {
  one: {
    pairs: learned.map((source): TokenPair => ({ source, target: backwards(source) })),
    answers: (source: readonly number[]) => [textOf(backwards(source))],
  },
  two: {
    pairs: bothAnswers(learned),
    answers: (source: readonly number[]) => [textOf(source), textOf(backwards(source))],
  },
};

/** Share of new sources for which a right answer is given. */
function shareRight(model: EncoderDecoder, { answers }: (typeof tasks)['one']): number {
  const right = outputsOf(model, asked).filter((text, i) => answers(asked[i]!).includes(text));
  return right.length / asked.length;
}

const kinds = { predict: { length: 'predict' }, end: { length: 'end' } } as const;

test.for([1, 2, 3])(
  'a gap to tokens in turn appears with two right answers, and a teacher narrows it (I17, J16), seed %i',
  (seed, context) => {
    needDevice(context, 'native');
    const trained = <M extends EncoderDecoder>(model: M, pairs: readonly TokenPair[]): M => {
      trainOnPairs(model, pairs, tokenizers, STEPS, { learningRate: 0.01, training: { seed } });
      return model;
    };
    const inTurn = {
      one: trained(transformerFor('native', seed), tasks.one.pairs),
      two: trained(transformerFor('native', seed), tasks.two.pairs),
    };
    const said = outputsOf(inTurn.two, learned);
    const distilled = learned.map((source, i) => ({ source, target: tokenizers.target.encode(said[i]!) }));
    const [one, two] = [shareRight(inTurn.one, tasks.one), shareRight(inTurn.two, tasks.two)];
    for (const [name, config] of Object.entries(kinds)) {
      const parallel = (pairs: readonly TokenPair[], task: (typeof tasks)['one']): number =>
        shareRight(trained(natFor('native', config, seed), pairs), task);
      const alone = parallel(tasks.one.pairs, tasks.one);
      const mixing = parallel(tasks.two.pairs, tasks.two);
      const student = parallel(distilled, tasks.two);
      const figures = Object.entries({ one, alone, two, mixing, student });
      console.log(
        `right answers, length ${name}: ${figures.map(([arm, share]) => `${arm} ${(100 * share).toFixed(1)} %`).join(', ')}`,
      );
      expect(one - alone, 'gap with one answer').toBeLessThan(0.1);
      expect(two - mixing, 'gap with two answers').toBeGreaterThan(0.4);
      // How much is left depends on how well the student can tell which answer its teacher chose.
      expect(two - student, 'gap after a teacher').toBeLessThan(two - mixing - 0.25);
    }
  },
);
