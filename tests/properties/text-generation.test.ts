/** Language models that continue texts: with caches what they say without, and texts longer than they take. */
import { describe, expect, it } from 'vitest';
import { generate } from '../../src/generate/language-model.ts';
import { LanguageModelSession } from '../../src/generate/language-model-session.ts';
import { TextGenerator } from '../../src/generate/text-generator.ts';
import { trainTokenizer } from '../../src/tokenizers/train.ts';
import { greedyTextsAreLikeliest, growingEqualsReading } from '../support/checks/text-generation.ts';
import { itOnEachDevice } from '../support/devices.ts';
import { gptLogits, tinyGpt } from '../support/gpts.ts';
import { tinyConv, tinySegmentModel, tinyXl } from '../support/language-models.ts';
import { rowOf } from '../support/numbers.ts';

describe('every kind of language model (I9)', () => {
  itOnEachDevice('continues texts as it reads them', growingEqualsReading);
  itOnEachDevice('greedily writes the likeliest tokens', greedyTextsAreLikeliest);

  it('whose earlier states are gone takes nothing back', () => {
    const session = new LanguageModelSession(tinyConv().eval(), [[1, 2]], 3);
    session.step([2]).dispose();
    expect(() => session.truncate(0)).toThrow(
      'LanguageModelSession: this session takes one token at a time and none back',
    );
    session.dispose();
  });
});

describe('a window that slides', () => {
  it('reads the later half of the text anew when the table is full', () => {
    const model = tinyGpt({ maxSeqLen: 6 }).eval();
    const [best] = generate(model, [[3, 5, 4]], { maxNewTokens: 12, slide: true })[0]!;
    const text = [3, 5, 4];
    let start = 0;
    while (text.length < 15) {
      if (text.length - start > 6) start = text.length - 3;
      const seen = text.slice(start);
      const logits = rowOf(gptLogits(model, [seen]), seen.length - 1, 9);
      text.push(logits.indexOf(Math.max(...logits)));
    }
    expect(best!.tokens).toEqual(text.slice(3));
  });

  it('takes prompts longer than the table, several draws, and tables of one token', () => {
    const model = tinySegmentModel({ maxSeqLen: 5 }).eval();
    const long = [1, 2, 3, 4, 5, 6, 7, 8];
    const own = generate(model, [long], { maxNewTokens: 4, slide: true })[0]![0]!;
    const end = generate(model, [long.slice(-3)], { maxNewTokens: 2 })[0]![0]!;
    expect(own.tokens.slice(0, 2)).toEqual(end.tokens);
    const draws = { maxNewTokens: 9, slide: true, nBest: 3, sample: { seed: 4 } };
    const [all] = generate(model, [[2]], draws);
    expect(new Set(all!.map(({ tokens }) => tokens.join())).size).toBe(3);
    expect(
      generate(tinyGpt({ maxSeqLen: 1 }).eval(), [[2]], { maxNewTokens: 3, slide: true })[0]![0]!.tokens,
    ).toHaveLength(3);
  });

  it('slides only where it must', () => {
    const model = tinyGpt().eval();
    const options = { maxNewTokens: 10 };
    expect(generate(model, [[1, 2]], { ...options, slide: true })).toEqual(
      generate(model, [[1, 2]], options),
    );
    expect(() => generate(model, [[1, 2]], { maxNewTokens: 15 })).toThrow(/or let the window slide/);
  });
});

describe('TextGenerator', () => {
  const tokenizer = trainTokenizer({ kind: 'char' }, ['abcdefgh\u{1F600}é', '\n']);
  const generator = new TextGenerator(tinyXl({ vocabSize: tokenizer.vocabSize, memoryLength: 5 }), tokenizer);
  const sample = { temperature: 1, seed: 7 };

  it('draws the same texts together, in parts, and aloud', () => {
    const prompts = ['ab', 'c', 'def', 'c'];
    const options = { sample, count: 3, maxNewTokens: 12 };
    const together = generator.generate(prompts, options);
    expect(together.map((texts) => texts.map(({ text }) => text.length >= 12))).toEqual(
      prompts.map(() => [true, true, true]),
    );
    const parts = [
      ...generator.generate(prompts.slice(0, 1), options),
      ...generator.generate(prompts.slice(1), { ...options, firstStream: 1 }),
    ];
    const told = prompts.map(() => ['', '', '']);
    const aloud = generator.generate(prompts, {
      ...options,
      onText: (piece, { prompt, result }) => {
        told[prompt]![result] += piece;
      },
    });
    const textsOf = (all: typeof together) => all.map((own) => own.map(({ text }) => text));
    expect(textsOf(parts)).toEqual(textsOf(together));
    expect(textsOf(aloud)).toEqual(textsOf(together));
    expect(told).toEqual(textsOf(together));
    expect(textsOf(generator.generate(prompts, { ...options, sample: { ...sample, seed: 8 } }))).not.toEqual(
      textsOf(together),
    );
  });

  it('begins after a line end where a prompt is empty', () => {
    const [empty, line] = generator.generate(['', '\n'], { maxNewTokens: 6 }).flat();
    expect(empty).toMatchObject({ prompt: '', text: line!.text });
  });

  it('never writes special tokens, and counts its default by the room', () => {
    const small = new TextGenerator(tinyGpt({ vocabSize: tokenizer.vocabSize }), tokenizer);
    const [drawn] = small.generate(['abc'], { sample: { temperature: 50 } }).flat();
    expect(drawn!.tokens).toHaveLength(13);
    const [free] = generator.generate(['abc'], { sample: { temperature: 50 } }).flat();
    expect(free!.tokens).toHaveLength(200);
    expect(free!.tokens.filter((token) => /^<.+>$/.test(token))).toEqual([]);
  });

  it('holds half a character back until it is whole', () => {
    const bytes = trainTokenizer({ kind: 'bpe', preTokenizer: 'byteLevel', numMerges: 0 }, ['é']);
    const model = tinyGpt({ vocabSize: bytes.vocabSize, maxSeqLen: 64 });
    const pieces: string[] = [];
    const options = { maxNewTokens: 60, onText: (piece: string) => pieces.push(piece) };
    const speaking = new TextGenerator(model, bytes);
    const [whole] = speaking.generate(['é'], { ...options, sample: { temperature: 5, seed: 2 } }).flat();
    expect(pieces.join('')).toBe(whole!.text);
    expect(pieces.slice(0, -1).filter((piece) => piece.endsWith('\uFFFD'))).toEqual([]);
  });

  it('refuses a prompt without a token', () => {
    const words = trainTokenizer({ kind: 'word' }, ['a b']);
    const speaking = new TextGenerator(tinyGpt({ vocabSize: words.vocabSize }), words);
    expect(() => speaking.generate([''])).toThrow(
      'prompt: expected at least one token, got an empty text; hint: this tokenizer keeps no line end',
    );
    expect(() => speaking.generate(['   '])).toThrow('prompt: expected at least one token, got "   "');
  });
});
