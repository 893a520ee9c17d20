import { describe, expect, it } from 'vitest';
import { philox, Random } from './random.ts';

describe('philox', () => {
  // Known answers of the authors' Random123 library (kat_vectors, philox4x32 10).
  it.each([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ] as const)('gives the published words for %j', (counter, key, expected) => {
    expect(philox([...counter], [...key])).toEqual([...expected]);
  });
});

describe('Random', () => {
  it('repeats a stream from its state and separates purposes', () => {
    const random = new Random(7, 'a');
    random.uint32();
    const state = random.state();
    const next = [random.uint32(), random.uint32(), random.uint32(), random.uint32()];
    const again = Random.restore(state);
    expect([again.uint32(), again.uint32(), again.uint32(), again.uint32()]).toEqual(next);
    expect(new Random(7, 'b').uint32()).not.toBe(new Random(7, 'a').uint32());
    expect(new Random(8, 'a').uint32()).not.toBe(new Random(7, 'a').uint32());
  });

  it('repeats normal numbers from a state between the two of a pair', () => {
    const random = new Random(7, 'pairs');
    random.normal();
    const again = Random.restore(random.state());
    expect([again.normal(), again.normal()]).toEqual([random.normal(), random.normal()]);
  });

  it('has the moments of its distributions', () => {
    const random = new Random(1, 'moments');
    const n = 100_000;
    let sum = 0;
    let squares = 0;
    for (let i = 0; i < n; i++) {
      const x = random.normal();
      sum += x;
      squares += x * x;
    }
    expect(Math.abs(sum / n)).toBeLessThan(4 / Math.sqrt(n));
    expect(Math.abs(squares / n - 1)).toBeLessThan(4 * Math.sqrt(2 / n));
  });

  it('draws integers evenly (chi-square, 9 degrees of freedom)', () => {
    const random = new Random(2, 'integers');
    const counts = new Array<number>(10).fill(0);
    for (let i = 0; i < 50_000; i++) counts[random.integer(10)]!++;
    const chi = counts.reduce((total, c) => total + (c - 5000) ** 2 / 5000, 0);
    expect(chi).toBeLessThan(33.7);
  });

  it('shuffles into a permutation that depends on the seed', () => {
    const items = Array.from({ length: 50 }, (_, i) => i);
    const a = new Random(1, 'x').shuffle([...items]);
    expect([...a].sort((x, y) => x - y)).toEqual(items);
    expect(a).not.toEqual(items);
    expect(new Random(1, 'x').shuffle([...items])).toEqual(a);
    expect(new Random(2, 'x').shuffle([...items])).not.toEqual(a);
  });
});
