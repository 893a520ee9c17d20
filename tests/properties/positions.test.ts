/** Kinds of position information: inventory D1–D13. */
import { describe, expect, it } from 'vitest';
import {
  alibiSlopes,
  ConfigError,
  gridTable,
  matmul,
  noGrad,
  type PositionChoice,
  type PositionKind,
  positions,
  Random,
  rotary,
  rotaryFrequencies,
  rotaryTable,
  sinusoidalTable,
  type Tensor,
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
  t5EqualsPairs,
  xlEqualsPairs,
} from '../support/checks/positions.ts';
import { disturb, tinyModel } from '../support/models.ts';
import { expectNear } from '../support/numbers.ts';
import { needOracle } from '../support/stored-oracle.ts';

const yarn = { kind: 'rope', scaling: 'yarn', factor: 4, trainedLength: 8 } as const;
const choices: readonly PositionChoice[] = [
  // Those that need trees have tests of their own.
  ...(Object.keys(positions) as PositionKind[]).filter((kind) => !treePositions.has(kind)),
  { kind: 'sinusoidal', layout: 'halves' },
  { kind: 'shaw', maxDistance: 2 },
  { kind: 'rope', layout: 'halves' },
  yarn,
  { kind: 't5', numBuckets: 4, maxDistance: 3 },
];
const named = choices.map((position) => [JSON.stringify(position), position] as const);

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

describe('sinusoidal positions (D4, D5)', () => {
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

describe('rotary positions (D9)', () => {
  const random = new Random(4, 'rotary');
  const vector = (length: number, width: number): Tensor =>
    tensor(
      Float64Array.from({ length: length * width }, () => random.normal()),
      [1, length, width],
      { device: 'reference' },
    );
  const angles = { base: 10_000, scaling: 'none', factor: 1, trainedLength: 512 } as const;
  const table = tensor(rotaryTable(400, 8, angles), [400, 8], { device: 'reference' });

  it.each(['interleaved', 'halves'] as const)(
    '%s: products depend on distances only, norms stay',
    (layout) => {
      const [q, k] = [vector(1, 8), vector(1, 8)];
      const score = (m: number, n: number): number => {
        const turned = [
          rotary(q, table, { numHeads: 1, layout, place: m }),
          rotary(k, table, { numHeads: 1, layout, place: n }),
        ];
        return matmul(turned[0]!, turned[1]!, { transposeB: true }).data[0]!;
      };
      const norm = ({ data }: Tensor): number => Math.hypot(...data);
      for (let i = 0; i < 50; i++) {
        const [m, n, shift] = [100, 100, 300].map((most) => Math.floor(most * random.uniform())) as [
          number,
          number,
          number,
        ];
        expect(Math.abs(score(m, n) - score(m + shift, n + shift))).toBeLessThan(1e-10);
        expect(norm(rotary(q, table, { numHeads: 1, layout, place: m }))).toBeCloseTo(norm(q), 12);
      }
      expect(score(3, 5)).not.toBeCloseTo(score(3, 6), 3);
    },
  );

  it('from one layout to the other is a permutation of the channels', () => {
    const x = vector(5, 8);
    const order = [0, 4, 1, 5, 2, 6, 3, 7]; // of halves, in the order of pairs
    const permuted = tensor(
      Float64Array.from({ length: 40 }, (_, i) => x.data[Math.floor(i / 8) * 8 + order[i % 8]!]!),
      [1, 5, 8],
      { device: 'reference' },
    );
    const pairs = rotary(permuted, table, { numHeads: 1 });
    const halves = rotary(x, table, { numHeads: 1, layout: 'halves' });
    for (let i = 0; i < 40; i++)
      expect(pairs.data[i]).toBe(halves.data[Math.floor(i / 8) * 8 + order[i % 8]!]);
  });

  const cases = [
    ['rotary_llama', { ...angles }],
    ['rotary_llama_linear', { ...angles, scaling: 'linear', factor: 3 }],
    ['rotary_llama_yarn', { ...angles, scaling: 'yarn', factor: 4, trainedLength: 64 }],
  ] as const;
  for (const [name, options] of cases) {
    it(`turns as transformers does: ${name}`, (context) => {
      const stored = needOracle(context, `oracles/modules/${name}.safetensors`);
      const [q, places] = [stored('in.q'), stored('in.positions')];
      const [, heads, length, width] = q.shape as [number, number, number, number];
      const { frequencies } = rotaryFrequencies(width, options);
      expectNear(frequencies, stored('out.inv_freq').data, 2e-6, 'frequencies');
      const last = Math.max(...Array.from(places.data, Number));
      const turns = tensor(rotaryTable(last + 1, width, options), [last + 1, width], { device: 'reference' });
      const place = tensor(Int32Array.from(places.data, Number), [1, length], {
        dtype: 'int32',
        device: 'reference',
      });
      for (let h = 0; h < heads; h++) {
        const part = (data: ArrayLike<number>): Float64Array =>
          Float64Array.from({ length: length * width }, (_, i) => data[h * length * width + i]!);
        const x = tensor(part(q.data as Float64Array), [1, length, width], { device: 'reference' });
        const y = rotary(x, turns, { numHeads: 1, layout: 'halves', place });
        expectNear(y.data, part(stored('out.q').data as Float64Array), 1e-4, `head ${h}`);
      }
    });
  }

  it('turns neighbours as computed by hand', (context) => {
    const stored = needOracle(context, 'oracles/modules/rotary_interleaved.safetensors');
    const { data, shape } = stored('in.x');
    const [, heads, length, width] = shape as [number, number, number, number];
    for (let h = 0; h < heads; h++) {
      const part = (all: ArrayLike<number>): Float64Array =>
        Float64Array.from({ length: length * width }, (_, i) => all[h * length * width + i]!);
      const x = tensor(part(data as Float64Array), [1, length, width], { device: 'reference' });
      expectNear(
        rotary(x, table, { numHeads: 1 }).data,
        part(stored('out.y').data as Float64Array),
        1e-9,
        'y',
      );
    }
  });
});

describe('scores by distance (D7, D10, D11, D12)', () => {
  it("Shaw's equal a vector for each pair, and clipped distances share one", shawEqualsPairs);
  it("Transformer-XL's equal a vector for each pair", xlEqualsPairs);
  it("ALiBi's equal a slope for each pair", alibiEqualsPairs);
  it("T5's equal a number for each pair", t5EqualsPairs);

  it("T5's buckets equal transformers'", (context) => {
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

  it("ALiBi's slopes equal transformers'", (context) => {
    const stored = needOracle(context, 'oracles/modules/alibi.safetensors');
    for (const heads of [8, 12])
      expectNear(alibiSlopes(heads), stored(`out.slopes_${heads}`).data, 1e-7, `${heads}`);
  });

  it('depend on distances only: the same text later in the table gives the same output', () => {
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
    const [rows, columns, width] = [3, 4, 8];
    const table = gridTable(rows, columns, width);
    const waves = sinusoidalTable(4, 4);
    for (let place = 0; place < rows * columns; place++) {
      const [row, column] = [Math.floor(place / columns), place % columns];
      const own = table.subarray(place * width, (place + 1) * width);
      expect([...own.subarray(0, 4)]).toEqual([...waves.subarray(row * 4, row * 4 + 4)]);
      expect([...own.subarray(4)]).toEqual([...waves.subarray(column * 4, column * 4 + 4)]);
    }
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

  it('a text beyond the table is named with its length', () => {
    const model = disturb(tinyModel({ position: 'rope', maxSeqLen: 4 }).eval(), 1);
    const ids = tensor(new Int32Array(6).fill(3), [1, 6], { dtype: 'int32', device: 'reference' });
    expect(() => model.encode(ids)).toThrow(ConfigError);
    expect(() => model.encode(ids)).toThrow(
      'RotaryPosition: expected at most 4 positions (maxSeqLen), got 6; hint: shorten the text, or train with a larger maxSeqLen',
    );
  });
});
