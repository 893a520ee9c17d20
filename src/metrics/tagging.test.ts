import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { spansAreWhatConllevalSees } from '../../tests/support/checks/tagging.ts';
import { areSpanTags, spansOf, taggingScores } from './tagging.ts';

const types = fc.constantFrom('PER', 'LOC');
const spans = fc.array(fc.tuple(types, fc.integer({ min: 1, max: 4 }), fc.boolean()), { maxLength: 6 });

/** Spans as tags of a scheme: letters of a beginning, an inside, an end and a single token. */
function written(list: readonly (readonly [string, number, boolean])[], [b, i, e, s]: string): string[] {
  return list.flatMap(([type, length, gap]) => [
    ...Array.from({ length }, (_, at) => {
      const letter = length === 1 ? s : at === 0 ? b : at === length - 1 ? e : i;
      return `${letter}-${type}`;
    }),
    ...(gap ? ['O'] : []),
  ]);
}

describe('spansOf', () => {
  test('reads the same spans from every scheme', () => {
    fc.assert(
      fc.property(spans, (list) => {
        let at = 0;
        const wanted = list.map(([type, length, gap]) => {
          const span = { type, start: at, end: at + length };
          at += length + Number(gap);
          return span;
        });
        for (const scheme of ['BIIB', 'BIES', 'BMES', 'BILU', 'BMEW'])
          expect(spansOf(written(list, scheme)), scheme).toEqual(wanted);
      }),
    );
  });

  test('of nothing, and of tags that are no spans, are none', () => {
    expect(spansOf([])).toEqual([]);
    expect(spansOf(['NN', 'O', 'VB-'])).toEqual([]);
    expect([areSpanTags(['O', 'B-X']), areSpanTags(['O']), areSpanTags(['NN', 'B-X'])]).toEqual([
      true,
      false,
      false,
    ]);
  });
});

describe('taggingScores', () => {
  test('are those of conlleval (I14)', spansAreWhatConllevalSees);

  test('refuse tags and sentences that are missing', () => {
    expect(() => taggingScores([['O']], [['O', 'O']])).toThrow(
      'taggingScores: expected 2 tags in sentence 0, got 1',
    );
    expect(() => taggingScores([['O'], ['O']], [['O']])).toThrow(
      'taggingScores: expected 1 sentences, got 2',
    );
    expect(taggingScores([], [])).toEqual({ accuracy: 0, precision: 0, recall: 0, f1: 0 });
  });
});
