/** What scores of tags are; each check throws when they are not. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect } from 'vitest';
import { Tagger } from '../../../src/generate/tagger.ts';
import { ConvTagger, Random, WindowTagger } from '../../../src/index.ts';
import { taggingScores } from '../../../src/metrics/tagging.ts';
import { trainTokenizer } from '../../../src/tokenizers/train.ts';

interface Case {
  readonly right: readonly string[];
  readonly found: readonly string[];
  readonly scores: Readonly<Record<'accuracy' | 'precision' | 'recall' | 'f1', number>>;
}

/** Tags in any order, well formed or not: the figures that conlleval printed. */
export function spansAreWhatConllevalSees(): void {
  const file = new URL('../../fixtures/conlleval.json', import.meta.url);
  const { cases } = JSON.parse(readFileSync(file, 'utf8')) as { cases: readonly Case[] };
  for (const { right, found, scores } of cases) {
    const [own, wanted] = [found, right].map((all) => all.map((tags) => tags.split(' ')));
    const rounded = Object.entries(taggingScores(own!, wanted!)).map(([name, x]) => [name, x.toFixed(2)]);
    expect(Object.fromEntries(rounded)).toEqual(
      Object.fromEntries(Object.entries(scores).map(([name, x]) => [name, x.toFixed(2)])),
    );
  }
}

/** Each sentence is tagged as it is alone, whatever stands beside it in the packed batch. */
export function neighboursChangeNoTag(): void {
  const tokenizers = {
    source: trainTokenizer({ kind: 'word' }, ['a b c d e']),
    target: trainTokenizer({ kind: 'word' }, ['O B-X I-X B-Y']),
  };
  const sizes = { vocabSize: tokenizers.source.vocabSize, numTags: tokenizers.target.vocabSize };
  const context = { random: new Random(5, 'init'), device: 'reference' };
  const models = [
    new WindowTagger({ ...sizes, dModel: 6, dFf: 8, window: 2 }, context),
    new ConvTagger({ ...sizes, dModel: 6, numLayers: 2, activation: 'glu' }, context),
  ];
  const taggers = models.map((model) => new Tagger(model, tokenizers));
  const sentence = fc.array(fc.constantFrom(...'abcde', 'unknown'), { maxLength: 6 });
  fc.assert(
    fc.property(fc.constantFrom(...taggers), fc.array(sentence, { maxLength: 5 }), (tagger, sentences) => {
      const alone = sentences.map((tokens) => tagger.tag([tokens])[0]!);
      expect(tagger.tag(sentences)).toEqual(alone);
      for (const { tokens, tags } of alone) expect(tags).toHaveLength(tokens.length);
    }),
  );
}
