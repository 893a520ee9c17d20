import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BpeTrainingOptions, trainBpe } from './bpe-trainer.ts';

const open = { maxPieces: Infinity, maxMerges: Infinity, minFrequency: 1 };

/** The definition: count all pairs of all words again before each merge. */
function trainSlowly(
  counts: ReadonlyMap<string, number>,
  alphabet: readonly string[],
  merges: number,
): string[] {
  const pieces = [...alphabet];
  let words = [...counts].map(([word, count]) => ({ symbols: [...word], count }));
  const learned: string[] = [];
  while (learned.length < merges) {
    const pairs = new Map<string, { pair: [string, string]; count: number }>();
    for (const { symbols, count } of words) {
      for (let i = 0; i + 1 < symbols.length; i++) {
        const pair: [string, string] = [symbols[i]!, symbols[i + 1]!];
        const known = pairs.get(pair.join(' '));
        pairs.set(pair.join(' '), { pair, count: (known?.count ?? 0) + count });
      }
    }
    const order = (a: string) => pieces.indexOf(a);
    const [best] = [...pairs.values()].sort(
      (x, y) =>
        y.count - x.count || order(x.pair[0]) - order(y.pair[0]) || order(x.pair[1]) - order(y.pair[1]),
    );
    if (!best) break;
    const [left, right] = best.pair;
    learned.push(best.pair.join(' '));
    if (!pieces.includes(left + right)) pieces.push(left + right);
    words = words.map(({ symbols, count }) => {
      const out: string[] = [];
      for (let i = 0; i < symbols.length; i++) {
        if (symbols[i] === left && symbols[i + 1] === right) out.push(left + symbols[++i]!);
        else out.push(symbols[i]!);
      }
      return { symbols: out, count };
    });
  }
  return learned;
}

describe('trainBpe (B5)', () => {
  const sennrich = new Map([
    ['low', 5],
    ['lower', 2],
    ['newest', 6],
    ['widest', 3],
  ]);
  const learn = (options: Partial<BpeTrainingOptions>) =>
    trainBpe(sennrich, { ...open, endOfWord: '</w>', ...options });
  const text = (options: Partial<BpeTrainingOptions>) =>
    learn(options).merges.map((merge) => merge.join(' '));

  it('learns the example of Sennrich et al. 2016 (low, lower, newest, widest)', () => {
    // By hand: e s 9, es t 9, l o 7; then e w, n ew, new est 6 (ties by id); low 5; widest 3; lower 2.
    expect(text({})).toEqual([
      'e s',
      'es t</w>',
      'l o',
      'e w',
      'n ew',
      'new est</w>',
      'lo w</w>',
      'd est</w>',
      'i dest</w>',
      'w idest</w>',
      'e r</w>',
      'w er</w>',
      'lo wer</w>',
    ]);
    expect(learn({}).reason).toBe('exhausted');
  });

  it('learns other merges without the end-of-word mark', () => {
    expect(text({ endOfWord: '' }).slice(0, 4)).toEqual(['e s', 'es t', 'l o', 'lo w']);
    expect(text({ endOfWord: '' })).not.toEqual(text({}));
  });

  it('stops where it is told to, and says why', () => {
    expect(learn({ minFrequency: 7 }).merges.length).toBe(3);
    expect(learn({ minFrequency: 7 }).reason).toBe('minFrequency');
    expect(learn({ maxMerges: 2 }).merges.length).toBe(2);
    expect(learn({ maxPieces: 17 }).pieces.length).toBe(17);
    expect(learn({ maxPieces: 17 }).reason).toBe('reached');
  });

  it('gives ids to characters by code point, then to final ones, then to merges', () => {
    expect(learn({ maxMerges: 2 }).pieces.join(' ')).toBe('d e i l n o r s t w r</w> t</w> w</w> es est</w>');
  });

  it('keeps the most frequent characters of a limited alphabet', () => {
    // Counts: e 17, w 16, s 9, t 9, l 7, o 7, n 6, ...
    expect(learn({ limitAlphabet: 3, maxMerges: 0 }).pieces).toEqual(['e', 's', 'w', 'w</w>']);
  });

  it('never makes a forbidden piece, nor letters that look like the end of a word', () => {
    const words = new Map([
      ['a</w>b', 9],
      ['<s>', 9],
    ]);
    const { pieces } = trainBpe(words, {
      ...open,
      endOfWord: '</w>',
      isForbidden: (piece) => piece === '<s></w>',
    });
    expect(pieces).not.toContain('<s></w>');
    expect(pieces).not.toContain('</w>');
    expect(pieces).not.toContain('a</w>');
    expect(pieces).toContain('a</w>b</w>');
  });

  it('learns what counting everything again before each merge learns', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 14 });
    fc.assert(
      fc.property(fc.dictionary(word, fc.integer({ min: 1, max: 5 }), { maxKeys: 12 }), (dictionary) => {
        const counts = new Map(Object.entries(dictionary));
        const alphabet = ['a', 'b', 'c'];
        const { merges } = trainBpe(counts, { ...open, endOfWord: '', alphabet, maxMerges: 15 });
        expect(merges.map((merge) => merge.join(' '))).toEqual(trainSlowly(counts, alphabet, 15));
      }),
    );
  });
});
