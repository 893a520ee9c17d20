import { describe, expect, it } from 'vitest';
import { loadTokenizer, tokenizerKinds } from '../tokenizers/index.ts';
import { validateExperiment } from './config/validate.ts';
import { buildTokenizers } from './prepare-data.ts';

const experiment = (tokenizer: object) =>
  validateExperiment({
    name: 'x',
    data: { train: { format: 'tsv', path: 'train.tsv' } },
    tokenizer,
    model: { maxSeqLen: 512 },
    training: { maxSteps: 1 },
  });

const examples = ['ein hund', 'ein mann', 'der hund'].map((text) => ({
  source: text,
  target: text.toUpperCase(),
  references: [text.toUpperCase()],
}));

const sections = {
  word: { kind: 'word', maxVocabSize: 9 },
  char: { kind: 'char', normalizers: ['nfc'] },
  bpe: { kind: 'bpe', vocabSize: 300, preTokenizer: 'metaspace', byteFallback: true, mergesPerStep: 2 },
  wordpiece: { kind: 'wordpiece', numMerges: 5, score: 'frequency', maxWordLength: 20 },
  unigram: { kind: 'unigram', vocabSize: 30, maxPieceLength: 5, sparsePrior: false },
};

describe('the tokenizer of an experiment', () => {
  it.each(tokenizerKinds)('can be of kind %s, and is saved with the model', (kind) => {
    const { tokenizers } = buildTokenizers(
      experiment({ source: sections[kind], target: { kind: 'char' } }),
      examples,
    );
    const { source } = tokenizers;
    expect(source.kind).toBe(kind);
    expect(source.decode(source.encode('der mann'))).toBe('der mann');
    const again = loadTokenizer(JSON.parse(JSON.stringify(source.toJSON())));
    expect(again.encode('der mann und')).toEqual(source.encode('der mann und'));
    expect(tokenizers.target.encode('DER')).toHaveLength(3);
  });

  it.each([
    [{ kind: 'unigram' }, 'tokenizer.shared.vocabSize: has to be given for kind unigram'],
    [{ kind: 'unigram', vocabSize: 9, preTokenizer: 'bert' }, 'tokenizer.shared.preTokenizer: unknown field'],
    [{ kind: 'wordpiece', numMerges: 3, score: 'freqency' }, 'did you mean "frequency"?'],
    [
      { kind: 'wordpiece', numMerges: 3, continuation: '#' },
      'continuation: expected at least two characters',
    ],
    [{ kind: 'bpe', numMerges: 3, mergesPerStep: 0 }, 'mergesPerStep: expected at least 1, got 0'],
    [{ kind: 'unigram', vocabSize: 9, shrinkingFactor: 1 }, 'shrinkingFactor: expected less than 1, got 1'],
  ])('refuses %j', (section, message) => {
    expect(() => experiment({ shared: section })).toThrow(message);
  });
});
