/** Sparse patterns as graphs: which edges there are, and how far tokens are apart (inventory G3–G5). */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError, ShapeError, SparsePattern } from '../../index.ts';
import { continuedPattern, type PatternOptions, sparsePattern } from './patterns.ts';

/** The keys that every query sees, read from the arrays. */
function edges({ queries, runs, ranges }: SparsePattern): number[][] {
  const [starts, count] = [runs.length / 2, ranges.length / 2];
  const rows: number[][] = Array.from({ length: queries }, () => []);
  for (let run = 0; run + 1 < starts; run++)
    for (let t = runs[run]!; t < runs[run + 1]!; t++)
      for (let i = runs[starts + run]!; i < runs[starts + run + 1]!; i++)
        for (let key = ranges[i]!; key < ranges[count + i]!; key++) rows[t]!.push(key);
  return rows;
}

type Rows = readonly (readonly number[])[];

/** Steps from one token to every other, breadth first; Infinity where there is no way. */
function distances(rows: Rows, from: number): number[] {
  const far = new Array<number>(rows.length).fill(Infinity);
  far[from] = 0;
  let front = [from];
  for (let steps = 1; front.length > 0; steps++) {
    const next = new Set(front.flatMap((token) => rows[token]!.filter((key) => far[key] === Infinity)));
    for (const token of next) far[token] = steps;
    front = [...next];
  }
  return far;
}

/** The longest of the shortest ways to the tokens that count. */
function diameter(pattern: SparsePattern, counts: (rows: Rows) => readonly boolean[] = () => []): number {
  const rows = edges(pattern);
  const isGoal = counts(rows);
  const longest = (token: number): number =>
    Math.max(...distances(rows, token).filter((_, goal) => isGoal[goal] ?? true));
  return Math.max(...rows.map((_, token) => longest(token)));
}

/** Whether a token is seen by another one: who is drawn by nobody cannot be reached. */
function isDrawn(rows: Rows): boolean[] {
  const drawn = new Array<boolean>(rows.length).fill(false);
  rows.forEach((keys, token) => {
    for (const key of keys) if (key !== token) drawn[key] = true;
  });
  expect(drawn.filter(Boolean).length).toBeGreaterThan(0.95 * rows.length);
  return drawn;
}

const options = fc.record({
  blockSize: fc.integer({ min: 1, max: 4 }),
  window: fc.nat(3),
  globals: fc.nat(2),
  random: fc.nat(3),
  causal: fc.boolean(),
  seed: fc.nat(),
});

describe('a sparse pattern', () => {
  it('shows the window, the global tokens and as many others as were to be drawn, and nothing else', () => {
    fc.assert(
      fc.property(fc.nat(40), options, (length, given) => {
        const { blockSize, window, globals, random, causal } = given;
        const rows = edges(sparsePattern([length], given));
        const block = (token: number): number => Math.floor(token / blockSize);
        const blocks = Math.ceil(length / blockSize);
        rows.forEach((keys, t) => {
          const isFixed = (key: number): boolean =>
            Math.abs(block(t) - block(key)) <= window || block(key) < globals || block(t) < globals;
          const possible = Array.from({ length }, (_, key) => key).filter(
            (key) => !causal || block(key) <= block(t),
          );
          const fixed = possible.filter(isFixed);
          expect(keys.filter(isFixed)).toEqual(fixed);
          const drawn = new Set(keys.filter((key) => !isFixed(key)).map(block));
          const free = (causal ? block(t) + 1 : blocks) - new Set(fixed.map(block)).size;
          expect(drawn.size).toBe(Math.min(random, free));
          for (const key of keys) expect(possible).toContain(key);
        });
      }),
    );
  });

  it('counts its pairs', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(15), { maxLength: 4 }), options, (lengths, given) => {
        const pattern = sparsePattern(lengths, given);
        expect(pattern.pairs).toBe(edges(pattern).flat().length);
        expect(pattern.queries).toBe(lengths.reduce((a, b) => a + b, 0));
      }),
    );
  });

  it('keeps sequences in a row apart', () => {
    const given = { window: 1, globals: 1, random: 2, blockSize: 2 };
    const together = edges(sparsePattern([7, 0, 12], given));
    const [first, last] = [edges(sparsePattern([7], given)), edges(sparsePattern([12], given))];
    expect(together).toEqual([...first, ...last.map((keys) => keys.map((key) => key + 7))]);
  });

  it('is the same from the same seed and another one from another', () => {
    const rows = (seed: number) => edges(sparsePattern([64], { random: 3, seed }));
    expect(rows(1)).toEqual(rows(1));
    expect(rows(1)).not.toEqual(rows(2));
  });

  it('continues token by token as the whole causal sequence has it', () => {
    fc.assert(
      fc.property(fc.nat(20), fc.nat(8), options, (before, added, given) => {
        const whole = edges(sparsePattern([before + added], { ...given, causal: true }));
        const tail = edges(continuedPattern(before, added, given));
        expect(tail).toEqual(whole.slice(before));
      }),
    );
  });

  it('draws every free block about equally often', () => {
    const counts = new Array<number>(10).fill(0);
    for (let seed = 0; seed < 2000; seed++)
      for (const key of edges(sparsePattern([10], { random: 2, seed }))[4]!) counts[key]!++;
    expect(counts[4]).toBe(2000);
    const expected = (2000 * 2) / 9;
    const spread = 5 * Math.sqrt(2000 * (2 / 9) * (7 / 9));
    for (const [key, count] of counts.entries())
      if (key !== 4) expect(Math.abs(count - expected)).toBeLessThan(spread);
  });

  it('refuses numbers that are not whole', () => {
    for (const wrong of [{ window: -1 }, { blockSize: 0 }, { random: 1.5 }, { globals: Number.NaN }])
      expect(() => sparsePattern([4], wrong as PatternOptions)).toThrow(ConfigError);
    expect(() => new SparsePattern([{ queries: 1, ranges: [[2, 1]] }], 3)).toThrow(ShapeError);
    expect(() => new SparsePattern([{ queries: 1, ranges: [[0, 4]] }], 3)).toThrow(ShapeError);
  });
});

describe('ways through the graph', () => {
  it('are of at most two steps with one global token, however long the sequence is (G3)', () => {
    for (const length of [2, 17, 100, 400]) {
      expect(diameter(sparsePattern([length], { globals: 1 }))).toBeLessThanOrEqual(2);
      expect(diameter(sparsePattern([length], { globals: 1, blockSize: 4, window: 1 }))).toBeLessThanOrEqual(
        2,
      );
    }
  });

  it('grow with the length in a window and with its logarithm at random (G4)', () => {
    const lengths = [64, 256, 1024];
    const local = lengths.map((length) => diameter(sparsePattern([length], { window: 2 })));
    expect(local).toEqual(lengths.map((length) => Math.ceil((length - 1) / 2)));
    for (const seed of [1, 2, 3]) {
      const random = lengths.map((length) => diameter(sparsePattern([length], { random: 5, seed }), isDrawn));
      // A ball of k steps holds at most 6^k tokens, and nearly as many while few are met twice.
      for (const [i, length] of lengths.entries()) {
        const logarithm = Math.log(length) / Math.log(6);
        expect(random[i]).toBeGreaterThanOrEqual(Math.floor(logarithm));
        expect(random[i]).toBeLessThanOrEqual(3 * logarithm + 2);
      }
      expect(random[2]! - random[0]!).toBeLessThanOrEqual(5);
    }
  });

  it('never lead forward under the causal rule', () => {
    const rows = edges(sparsePattern([30], { window: 1, globals: 2, random: 2, causal: true }));
    rows.forEach((keys, t) => {
      for (const key of keys) expect(key).toBeLessThanOrEqual(t);
    });
  });
});
