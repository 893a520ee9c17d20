/** What positions say, and what is asked of them: inventory D14, D15, Q23–Q25, Q28. */
import { describe, expect, it } from 'vitest';
import {
  ConfigError,
  linearProbe,
  type PositionChoice,
  type PositionKind,
  positionRequirements,
  positionSimilarity,
  probePositions,
  Random,
  ShapeError,
  type SourceStructure,
  similarityByLag,
  sinusoidalTable,
} from '../../src/index.ts';
import { expectNear } from '../support/numbers.ts';

/** Share of places that are more like themselves than like any other. */
function diagonalShare(table: Float64Array, width: number): number {
  const map = positionSimilarity(table, width);
  const length = table.length / width;
  let count = 0;
  for (let t = 0; t < length; t++) {
    const row = Array.from(map.subarray(t * length, (t + 1) * length));
    count += Number(row.every((value, s) => s === t || value < row[t]!));
  }
  return count / length;
}

describe('the similarity of sinusoids (D14)', () => {
  it.each([16, 128])('of width %d is largest on the diagonal, where it is C/2 (Q23)', (width) => {
    const table = sinusoidalTable(100, width);
    expect(diagonalShare(table, width)).toBe(1);
    expect(similarityByLag(positionSimilarity(table, width))[0]).toBeCloseTo(width / 2, 10);
  });

  it.each([
    [16, 0.19],
    [128, 0.81],
  ])('with doubled exponents and width %d it is so for a share of %d only (Q23)', (width, share) => {
    expect(diagonalShare(sinusoidalTable(100, width, 'doubled'), width)).toBeCloseTo(share, 1);
  });

  it.each([
    [16, 4],
    [64, 6],
    [128, 12],
    [512, 44],
  ])('of width %d does not fall all the way: it first rises at lag %d (Q24)', (width, lag) => {
    const curve = similarityByLag(positionSimilarity(sinusoidalTable(100, width), width));
    expect(curve.findIndex((value, i) => i > 0 && value > curve[i - 1]!)).toBe(lag);
    const waves = Array.from({ length: width / 2 }, (_, i) => Math.cos(lag / 10_000 ** ((2 * i) / width)));
    expect(curve[lag]).toBeCloseTo(
      waves.reduce((total, wave) => total + wave, 0),
      10,
    );
  });
});

describe('linear probes (D14)', () => {
  it('read a linear map exactly, and noise not at all', () => {
    const random = new Random(1, 'probe');
    const features = Float64Array.from({ length: 400 }, () => random.normal());
    const linear = Float64Array.from(
      { length: 100 },
      (_, i) => 3 * features[4 * i]! - features[4 * i + 2]! + 7,
    );
    expect(linearProbe(features, 4, linear)).toBeCloseTo(1, 8);
    const noise = Float64Array.from({ length: 100 }, () => random.normal());
    expect(linearProbe(features, 4, noise)).toBeLessThan(0.2);
  });

  it('find absolute places and distances in sinusoids (Q28), and neither where all rows are equal', () => {
    const { absolute, relative } = probePositions(sinusoidalTable(100, 16), 16);
    expect(absolute).toBeGreaterThan(0.999);
    expect(relative).toBeGreaterThan(0.999);
    const same = probePositions(new Float64Array(100 * 4).fill(1), 4);
    expect(same.absolute).toBeLessThan(0.05);
    expect(same.relative).toBeLessThan(0.05);
  });

  it('refuse rows that are not whole', () => {
    expect(() => linearProbe([1, 2, 3], 2, [1])).toThrow(ShapeError);
    expect(() => linearProbe([1, 2, 3, 4], 2, [1])).toThrow('expected 2 targets, got 1');
  });
});

type Verdicts = readonly [distinct: boolean, lengthIndependent: boolean, bounded: boolean];

/** What each kind keeps: places differ, pairs mean the same in longer texts, values are bounded. */
const expected: Readonly<Record<PositionKind, Verdicts>> = {
  none: [false, true, true],
  counting: [true, true, false],
  normalized: [true, false, true],
  sinusoidal: [true, true, true],
  learned: [true, true, true],
  grid: [true, true, true],
  shaw: [true, true, true],
  rope: [true, true, true],
  t5: [true, true, true],
  alibi: [true, true, true],
  'transformer-xl': [true, true, true],
  structural: [true, true, true],
};

/** A tree in which every word has two below it, whose first words are the tree of a shorter text. */
const growing = (length: number): SourceStructure => ({
  nodes: Array.from({ length }, (_, t) => t),
  heads: Array.from({ length }, (_, t) => (t === 0 ? -1 : Math.floor((t - 1) / 2))),
  relations: new Array(length).fill('dep'),
});

/** A row of words, each below the next: its root, and with it every depth, moves when the text grows. */
const leftBranching = (length: number): SourceStructure => ({
  ...growing(length),
  heads: Array.from({ length }, (_, t) => (t === length - 1 ? -1 : t + 1)),
});

const further: readonly (readonly [PositionChoice, Verdicts, typeof growing])[] = [
  [{ kind: 'sinusoidal', layout: 'halves' }, [true, true, true], growing],
  [{ kind: 'sinusoidal', layout: 'doubled' }, [true, true, true], growing],
  [{ kind: 'structural', order: false }, [true, true, true], growing],
  // Words of one depth cannot be told apart by it alone.
  [{ kind: 'structural', order: false, distances: false }, [false, true, true], growing],
  [{ kind: 'structural', order: false, depths: false }, [true, true, true], leftBranching],
  [{ kind: 'structural', distances: false }, [true, false, true], leftBranching],
];

describe('requirements (D15)', () => {
  const verdicts = (position: PositionChoice, structure = growing): Verdicts => {
    const { distinct, lengthIndependent, bounded } = positionRequirements(position, { structure });
    return [distinct, lengthIndependent, bounded];
  };

  it.each(Object.entries(expected))('of position %s', (kind, wanted) => {
    expect(verdicts(kind as PositionKind)).toEqual(wanted);
  });

  it.each(further)('of position %j: %j', (position, wanted, structure) => {
    expect(verdicts(position, structure)).toEqual(wanted);
  });

  it('of positions in trees need trees', () => {
    expect(() => positionRequirements('structural')).toThrow(ConfigError);
    expect(() => positionRequirements('structural')).toThrow('expected sources with dependency trees');
  });

  it('measure how loud positions are beside tokens', () => {
    const ratio = (position: PositionChoice): number => positionRequirements(position).normRatio;
    expect(ratio('sinusoidal')).toBeCloseTo(Math.SQRT1_2, 10);
    expect(ratio('counting')).toBeCloseTo(71, 10);
    expect(ratio('normalized')).toBeCloseTo(1, 10);
    expect(ratio('learned')).toBeLessThan(0.4);
    expectNear([ratio('none'), ratio('rope'), ratio('alibi')], [0, 0, 0], 0);
  });
});
