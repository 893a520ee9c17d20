/** Beam search of a language model says the same again and again; draws do not (inventory Q42). */
import { expect, test } from 'vitest';
import { TextGenerator } from '../../src/generate/text-generator.ts';
import { Gpt, Random, repeatRate, trainTokenizer } from '../../src/index.ts';
import { evaluateText } from '../../src/train/language-modeling.ts';
import { needDevice } from '../support/devices.ts';
import { trainOnText } from '../support/language-models.ts';
import { projectFiles, read } from '../support/source-files.ts';

const documents = projectFiles().filter((file) => /^docs\/\w+\.md$/.test(file));
const words = documents.flatMap((file) => read(file).split(/\s+/).filter(Boolean));
const heldOut = words.splice(-1000);
const tokenizer = trainTokenizer({ kind: 'word', minFrequency: 3 }, [words.join(' ')]);
const idsOf = (some: readonly string[]): Int32Array => Int32Array.from(tokenizer.encode(some.join(' ')));
/** Stretches of as many words as are written. */
const stretches = Array.from({ length: 12 }, (_, i) => heldOut.slice(80 * i, 80 * i + 44));

test.for([1, 2, 3])(
  'a beam repeats over three times as many bigrams as draws, over twice as many as top-p, seed %i',
  (seed, context) => {
    needDevice(context, 'native');
    const model = new Gpt(
      {
        ...{ vocabSize: tokenizer.vocabSize, maxSeqLen: 64, dModel: 64, dFf: 128, numLayers: 1, numHeads: 4 },
        ...{ dropout: 0, attentionDropout: 0 },
      },
      { random: new Random(seed, 'init'), device: 'native' },
    );
    const training = { length: 48, batchSize: 16, steps: 250, learningRate: 0.003, seed };
    trainOnText(model, idsOf(words), training);
    const { nll, tokens } = evaluateText(model, idsOf(heldOut), { length: 48, batchSize: 16 });
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
  },
);
