/** What a model can answer of a text that it cannot see all of (inventory L2). */
import { expect, test } from 'vitest';
import { selectPassages, splitPassages, tfIdfScores, wordsOf } from '../../src/data/passages.ts';
import { Translator } from '../../src/generate/translator.ts';
import { Random, Transformer, trainTokenizer } from '../../src/index.ts';
import { needDevice } from '../support/devices.ts';
import { headScores, type Story, story } from '../support/stories.ts';
import { trainOnPairs } from '../support/train-pairs.ts';

/** Words that the model may see of a story. */
const ROOM = 24;
const stories = Array.from({ length: 700 }, (_, seed) => story(seed, { fillers: 20, from: 0, to: 20 }));

type Scores = (passages: readonly string[], query: string) => number[];

/** Source and target: what is shown of a story, and where the cipher lies. */
function shown({ text, query, answer }: Story, scores: Scores) {
  const passages = splitPassages(text).map((passage) => passage.text);
  const sizes = passages.map((passage) => wordsOf(passage).length);
  const chosen = selectPassages(scores(passages, query), sizes, ROOM).map((i) => passages[i]!);
  return { source: wordsOf(chosen.join('')).join(' '), target: answer };
}

/** Share of a hundred new stories whose place is named. */
function shareRight(scores: Scores, seed: number): number {
  const all = stories.map((one) => shown(one, scores));
  const [learned, asked] = [all.slice(0, 600), all.slice(600)];
  const words = trainTokenizer(
    { kind: 'word', minFrequency: 5 },
    learned.flatMap(({ source, target }) => [source, target]),
  );
  const tokenizers = { source: words, target: words };
  const sizes = { dModel: 32, dFf: 64, numHeads: 4, numEncoderLayers: 1, numDecoderLayers: 1, dropout: 0 };
  const model = new Transformer(
    { ...sizes, sourceVocabSize: words.vocabSize, targetVocabSize: words.vocabSize, maxSeqLen: ROOM + 1 },
    { random: new Random(seed, 'init'), device: 'native' },
  );
  const pairs = learned.map(({ source, target }) => ({
    source: words.encode(source),
    target: words.encode(target),
  }));
  trainOnPairs(model, pairs, tokenizers, 120, { learningRate: 0.01, maxTokens: 1024, training: { seed } });
  const found = new Translator(model, tokenizers).translate(asked.map(({ source }) => source));
  return found.filter(({ text }, i) => text === asked[i]!.target).length / asked.length;
}

test('passages that TF-IDF picks for the question say more than the beginning', (context) => {
  needDevice(context, 'native');
  for (const seed of [1, 2, 3]) {
    const [head, passages] = [shareRight(headScores, seed), shareRight(tfIdfScores, seed)];
    const [percentHead, percentPassages] = [head, passages].map((share) => `${Math.round(100 * share)} %`);
    console.log(`seed ${seed}: ${percentHead} from the beginning, ${percentPassages} from passages`);
    expect(passages).toBeGreaterThan(head + 0.2);
  }
});
