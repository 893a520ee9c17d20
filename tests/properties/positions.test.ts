/** Kinds of position information: inventory D1–D13; rotary ones besides in rotary.test.ts. */
import { describe, expect, it } from 'vitest';
import {
  alibiSlopes,
  ConfigError,
  gridTable,
  noGrad,
  type PositionChoice,
  type PositionKind,
  positions,
  sinusoidalTable,
  Transformer,
  t5Bucket,
  tensor,
  treePositions,
} from '../../src/index.ts';
import { packedEqualsAlone, parametersMove } from '../support/checks/mechanisms.ts';
import { futureChangesNothing, paddingChangesNothing, stepsEqualDecode } from '../support/checks/model.ts';
import {
  alibiEqualsPairs,
  shawEqualsPairs,
  shawStoresNoPairs,
  t5EqualsPairs,
  xlEqualsPairs,
} from '../support/checks/positions.ts';
import { needDevice } from '../support/devices.ts';
import { disturb, tinyModel } from '../support/models.ts';
import { expectNear } from '../support/numbers.ts';
import { needOracle } from '../support/stored-oracle.ts';
import { titled } from '../support/titled.ts';

const scaled = { kind: 'rope', factor: 4 } as const;
const choices: readonly PositionChoice[] = [
  // Those that need trees have tests of their own.
  ...(Object.keys(positions) as PositionKind[]).filter((kind) => !treePositions.has(kind)),
  { kind: 'sinusoidal', layout: 'halves' },
  { kind: 'shaw', maxDistance: 2 },
  { kind: 'rope', layout: 'halves' },
  ...(['linear', 'ntk'] as const).map((scaling) => ({ ...scaled, scaling })),
  ...(['yarn', 'llama3'] as const).map((scaling) => ({ ...scaled, scaling, trainedLength: 8 })),
  { kind: 'rope', layout: 'interleaved', rotaryDim: 2 },
  { kind: 'rope', layout: 'halves', rotaryDim: 2 },
  { kind: 't5', numBuckets: 4, maxDistance: 3 },
];
const rows = {
  ...{
    none: 'D1',
    counting: 'D2',
    normalized: 'D3',
    sinusoidal: 'D4',
    learned: 'D6',
    shaw: 'D7',
    rope: 'D9',
  },
  ...{ t5: 'D10', alibi: 'D11', 'transformer-xl': 'D12', grid: 'D13' },
};
const named = choices.map((position) => [titled(position, rows), position] as const);

const hasParameters = (choice: PositionChoice): boolean =>
  ['learned', 'shaw', 't5', 'transformer-xl'].includes(typeof choice === 'string' ? choice : choice.kind);

describe.each(named)('a model with position %s', (_, position) => {
  it('is the same with more padding, in outputs and gradients (F1)', () =>
    paddingChangesNothing('reference', [{ position }]));
  it('sees no later token (F2)', () => futureChangesNothing('reference', [{ position }]));
  it('says with caches what it says in one pass (K5)', () => stepsEqualDecode('reference', [{ position }]));

  it('gives packed sequences the losses that they have alone, on every device', (context) =>
    packedEqualsAlone(context, { position }));
  it('moves every one of its parameters', () =>
    parametersMove({ position }, /Position\./, { some: hasParameters(position) }));
});

describe('layouts of sinusoidal positions (D5)', () => {
  it('in halves are a permutation of those interleaved', () => {
    const [whole, halves] = [sinusoidalTable(7, 8), sinusoidalTable(7, 8, 'halves')];
    for (let t = 0; t < 7; t++) {
      for (let c = 0; c < 8; c++) {
        const from = c % 2 === 0 ? c / 2 : 4 + (c - 1) / 2;
        expect(whole[t * 8 + c]).toBe(halves[t * 8 + from]);
      }
    }
  });

  it('with doubled exponents are not the formula of the paper', () => {
    const [paper, doubled] = [sinusoidalTable(7, 8), sinusoidalTable(7, 8, 'doubled')];
    expect(doubled[8]).toBe(paper[8]);
    expect(doubled[8 + 2]).toBe(Math.sin(1 / 10_000 ** (4 / 8)));
    expect(doubled[8 + 2]).not.toBe(paper[8 + 2]);
  });
});

describe('counting and normalised positions (D2, D3)', () => {
  const added = (position: PositionChoice, length: number): number[] => {
    const model = tinyModel({ position, scaleEmbeddings: false }).eval();
    const zeros = tensor(new Float64Array(length * 8), [1, length, 8], { device: 'reference' });
    const { data } = model.sourcePosition.forward(zeros);
    return Array.from({ length }, (_, t) => data[t * 8]!);
  };
  it('add the place, or its share of the length', () => {
    expect(added('counting', 4)).toEqual([0, 1, 2, 3]);
    expect(added('normalized', 5)).toEqual([0, 0.25, 0.5, 0.75, 1]);
    expect(added('normalized', 3), 'neighbours are further apart in a shorter text').toEqual([0, 0.5, 1]);
  });
});

describe('scores by distance', () => {
  it("Shaw's equal a vector for each pair, and clipped distances share one (D7)", shawEqualsPairs);

  it.for(['native', 'wasm'])("Shaw's store no vector for each pair, on %s (D7)", (device, context) => {
    needDevice(context, device);
    shawStoresNoPairs(device);
  });
  it("Transformer-XL's equal a vector for each pair (D12)", xlEqualsPairs);
  it("ALiBi's equal a slope for each pair (D11)", alibiEqualsPairs);
  it("T5's equal a number for each pair (D10)", t5EqualsPairs);

  it("T5's buckets equal transformers' (D10)", (context) => {
    const stored = needOracle(context, 'oracles/modules/t5_buckets.safetensors');
    const distances = Array.from(stored('in.relative_position').data, Number);
    for (const [numBuckets, maxDistance] of [
      [32, 128],
      [16, 64],
    ] as const) {
      for (const [name, bidirectional] of [
        ['bidirectional', true],
        ['causal', false],
      ] as const) {
        const expected = Array.from(stored(`out.${name}_${numBuckets}_${maxDistance}`).data, Number);
        expect(distances.map((d) => t5Bucket(d, { numBuckets, maxDistance, bidirectional }))).toEqual(
          expected,
        );
      }
    }
  });

  it("ALiBi's slopes equal transformers' (D11)", (context) => {
    const stored = needOracle(context, 'oracles/modules/alibi.safetensors');
    for (const heads of [8, 12])
      expectNear(alibiSlopes(heads), stored(`out.slopes_${heads}`).data, 1e-7, `${heads}`);
  });

  it('depend on distances only: the same text later in the table gives the same output (D7, D9, D10, D11, D12)', () => {
    for (const position of ['shaw', 't5', 'alibi', 'transformer-xl', 'rope'] as const) {
      const model = tinyModel({ position, maxSeqLen: 40 }).eval();
      const encode = (places: number): ArrayLike<number> =>
        noGrad(() =>
          model.encode(
            tensor(Int32Array.of(3, 5, 4), [1, 3], { dtype: 'int32', device: 'reference' }),
            null,
            places,
          ),
        ).data;
      expectNear(encode(29), encode(0), 1e-12, position);
    }
  });
});

describe('positions on a grid (D13)', () => {
  it('say the row in one half and the column in the other', () => {
    const [rows, columns, width] = [5, 7, 12];
    const table = gridTable(rows, columns, width);
    expect(table).toHaveLength(rows * columns * width);
    // Channel c of either half: sin or cos of the coordinate over 10000^(2⌊c/2⌋ / (C/2)), as §3.5 of Vaswani et al. has it.
    const wave = (at: number, c: number): number => {
      const angle = at / 10_000 ** ((2 * Math.floor(c / 2)) / (width / 2));
      return c % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
    };
    const expected: number[] = [];
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        for (const at of [row, column]) for (let c = 0; c < width / 2; c++) expected.push(wave(at, c));
      }
    }
    expectNear(table, expected, 1e-15, 'waves');
  });
});

describe('choices that cannot be used', () => {
  const make = (position: unknown, more: object = {}): (() => Transformer) => {
    const config = { sourceVocabSize: 9, targetVocabSize: 9, dModel: 12, dFf: 8, numHeads: 4, ...more };
    return () => new Transformer({ ...config, position: position as PositionChoice });
  };
  it.each([
    ['ropee', 'did you mean "rope"?'],
    [{ kind: 'sinosoidal' }, 'did you mean "sinusoidal"?'],
    [{ layout: 'halves' }, 'position.kind: expected one of none, counting'],
    [{ kind: 'rope', layuot: 'halves' }, 'position.layuot: unknown option; did you mean "layout"?'],
    [{ kind: 'rope', layout: 'halfs' }, 'did you mean "halves"?'],
    [{ kind: 'shaw', maxDistance: 0 }, 'position.maxDistance: expected a whole number of at least 1, got 0'],
    [{ kind: 't5', maxDistance: 8 }, 'expected maxDistance above numBuckets / 2 (16), got 8'],
    [{ kind: 't5', numBuckets: 7 }, 'position: t5: half of the buckets is for keys on each side'],
    ['rope', 'position: rope: it turns pairs: expected an even head width, got 3'],
    ...[['alibi', 'learned'], 'alibi+learned', { kind: ['alibi', 'learned'] }].map(
      (both): [unknown, string] => [
        both,
        'kinds exclude each other: alibi and learned positions, say, both tell places, one in the scores and one in the token vectors; write position: alibi or position: learned',
      ],
    ),
    ['both', 'expected one kind, got "both"; kinds exclude each other: alibi and learned positions'],
  ])('%j: %s', (position, message) => {
    expect(make(position)).toThrow(ConfigError);
    expect(make(position)).toThrow(message);
  });

  it.each([
    ['learned', 'D6', 'LearnedPosition'],
    ['rope', 'D9', 'RotaryPosition'],
  ] as const)('a text beyond the table of %s is named with its length (%s)', (position, _, name) => {
    const model = disturb(tinyModel({ position, maxSeqLen: 4 }).eval(), 1);
    const ids = tensor(new Int32Array(6).fill(3), [1, 6], { dtype: 'int32', device: 'reference' });
    expect(() => model.encode(ids)).toThrow(ConfigError);
    expect(() => model.encode(ids)).toThrow(
      `${name}: expected at most 4 positions (maxSeqLen), got 6; hint: shorten the text, or train with a larger maxSeqLen`,
    );
  });
});
