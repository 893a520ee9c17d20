/** Beam search of a language model says the same again and again; draws do not (inventory Q42). */
import { readFileSync } from 'node:fs';
import { expect, type TestContext, test } from 'vitest';
import { TextGenerator } from '../../src/generate/text-generator.ts';
import { Gpt, Random, repeatRate, trainTokenizer } from '../../src/index.ts';
import { evaluateText } from '../../src/train/language-modeling.ts';
import { needDevice } from '../support/devices.ts';
import { trainOnText } from '../support/language-models.ts';
import { needData } from '../support/shared-data.ts';

/** As many words as a test of a minute learns from, and those after them. */
const [LEARNED, HELD_OUT] = [20_000, 1000];

/** The beginning of a text that never changes, its words and where prompts come from. */
function corpusOf(context: TestContext) {
  const text = readFileSync(needData(context, 'lm/tinyshakespeare.txt'), 'utf8');
  const all = text.split(/\s+/, LEARNED + HELD_OUT);
  const [words, heldOut] = [all.slice(0, LEARNED), all.slice(LEARNED)];
  const tokenizer = trainTokenizer({ kind: 'word', minFrequency: 3 }, [words.join(' ')]);
  const idsOf = (some: readonly string[]): Int32Array => Int32Array.from(tokenizer.encode(some.join(' ')));
  /** Stretches of as many words as are written. */
  const stretches = Array.from({ length: 12 }, (_, i) => heldOut.slice(80 * i, 80 * i + 44));
  return { tokenizer, learned: idsOf(words), unseen: idsOf(heldOut), stretches };
}

test.for([1, 2, 3])(
  'a beam repeats over three times as many bigrams as draws, over twice as many as top-p (K8, Q42), seed %i',
  (seed, context) => {
    needDevice(context, 'native');
    const { tokenizer, learned, unseen, stretches } = corpusOf(context);
    const model = new Gpt(
      {
        ...{ vocabSize: tokenizer.vocabSize, maxSeqLen: 64, dModel: 64, dFf: 128, numLayers: 1, numHeads: 4 },
        ...{ dropout: 0, attentionDropout: 0 },
      },
      { random: new Random(seed, 'init'), device: 'native' },
    );
    const training = { length: 48, batchSize: 16, steps: 250, learningRate: 0.003, seed };
    trainOnText(model, learned, training);
    const { nll, tokens } = evaluateText(model, unseen, { length: 48, batchSize: 16 });
    const generator = new TextGenerator(model, tokenizer);
    const prompts = stretches.map((stretch) => stretch.slice(0, 4).join(' '));
    const repeated = (options: object): number => {
      const texts = generator.generate(prompts, { maxNewTokens: 40, ...options });
      return repeatRate(
        texts.map(([best]) => best!.text),
        2,
      );
    };
    const beam = repeated({ beamSize: 5 });
    const drawn = repeated({ sample: { seed } });
    const nucleus = repeated({ sample: { topP: 0.9, seed } });
    const own = repeatRate(
      stretches.map((stretch) => stretch.slice(4).join(' ')),
      2,
    );
    const figures = [beam, drawn, nucleus, own].map((rate) => `${rate.toFixed(1)} %`);
    console.log(
      `perplexity ${Math.exp(nll / tokens).toFixed(0)}; repeated bigrams: beam ${figures[0]}, drawn ${figures[1]}, top-p 0.9 ${figures[2]}, the text itself ${figures[3]}`,
    );
    expect(beam).toBeGreaterThan(3 * drawn);
    expect(beam).toBeGreaterThan(2 * nucleus);
    // Draws may repeat nothing at all; people repeat a little.
    expect(beam).toBeGreaterThan(10 * own);
  },
);
