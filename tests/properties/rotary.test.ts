/** Rotary positions: inventory D9. Layouts, scalings, and heads of which only a part turns. */
import { describe, expect, it } from 'vitest';
import {
  ConfigError,
  deviceNames,
  matmul,
  mergeHeads,
  mul,
  noGrad,
  type PositionChoice,
  Random,
  type RotaryAngles,
  RotaryPosition,
  type RotaryPositionOptions,
  rotary,
  rotaryFrequencies,
  rotaryTable,
  scope,
  splitHeads,
  sum,
  type Tensor,
  Transformer,
  tensor,
  validateExperiment,
} from '../../src/index.ts';
import { needDevice } from '../support/devices.ts';
import { expectGradients } from '../support/finite-differences.ts';
import { expectNear, leaf, rowOf } from '../support/numbers.ts';
import { needOracle } from '../support/stored-oracle.ts';

const plain = { base: 10_000, scaling: 'none', factor: 1, trainedLength: 512 } as const;

describe('rotary positions (D9)', () => {
  const random = new Random(4, 'rotary');
  const vector = (length: number, width: number): Tensor =>
    tensor(
      Float64Array.from({ length: length * width }, () => random.normal()),
      [1, length, width],
      { device: 'reference' },
    );
  const table = tensor(rotaryTable(400, 8, plain), [400, 8], { device: 'reference' });

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

/** The angle of pair i per place. */
type Expected = (i: number) => number;

const divide = (base: number, headDim: number, i: number): number => base ** ((-2 * i) / headDim);

describe('scalings of rotary positions, by the formulas of their sources (D9)', () => {
  const headDim = 32;
  const turned = (angles: Partial<RotaryAngles>) => rotaryFrequencies(headDim, { ...plain, ...angles });
  const compare = (angles: Partial<RotaryAngles>, expected: Expected): void => {
    const { frequencies } = turned(angles);
    expect(frequencies).toHaveLength(headDim / 2);
    frequencies.forEach((frequency, i) => {
      expectNear([frequency / expected(i)], [1], 1e-12, `pair ${i}`);
    });
  };

  it('linear: place m stands where m / s stood (Chen et al. 2023, eq. 4)', () => {
    compare({ scaling: 'linear', factor: 3 }, (i) => divide(10_000, headDim, i) / 3);
    const stretched = rotaryTable(31, headDim, { ...plain, scaling: 'linear', factor: 3 });
    const trained = rotaryTable(11, headDim, plain);
    for (let place = 0; place <= 10; place++)
      expectNear(rowOf(stretched, 3 * place, headDim), rowOf(trained, place, headDim), 1e-13, `${place}`);
  });

  it('NTK-aware: the base grows so that the fastest pair stays and the slowest is divided by s (bloc97, 2023)', () => {
    for (const factor of [2, 4, 8]) {
      const base = 10_000 * factor ** (headDim / (headDim - 2));
      compare({ scaling: 'ntk', factor }, (i) => divide(base, headDim, i));
      const { frequencies, magnitude } = turned({ scaling: 'ntk', factor });
      const slowest = divide(10_000, headDim, headDim / 2 - 1) / factor;
      expectNear([frequencies[0]!, frequencies.at(-1)! / slowest], [1, 1], 1e-12);
      expect(magnitude).toBe(1);
    }
  });

  // Peng et al. 2023: §3.2 for the bounds of 32 turns and 1, the authors' code for the ramp between two whole pairs.
  it('YaRN: fast pairs stay, slow ones are divided, those between on a line', () => {
    const [factor, trainedLength] = [4, 256];
    const turns = (i: number): number => (trainedLength * divide(10_000, headDim, i)) / (2 * Math.PI);
    const pairs = Array.from({ length: headDim / 2 }, (_, i) => i);
    const low = pairs.filter((i) => turns(i) >= 32).at(-1) ?? 0; // the last that makes 32 turns
    const high = pairs.find((i) => turns(i) <= 1)!; // the first that makes one at most
    expect([low, high]).toEqual([0, 7]);
    compare({ scaling: 'yarn', factor, trainedLength }, (i) => {
      const own = divide(10_000, headDim, i);
      const stays = Math.max(0, Math.min(1, 1 - (i - low) / (high - low)));
      return own * stays + (own / factor) * (1 - stays);
    });
  });

  it('YaRN: scores of queries and keys grow by (0.1 ln s + 1)² (eq. 22)', () => {
    const options = { ...plain, scaling: 'yarn', factor: 4, trainedLength: 64, layout: 'halves' } as const;
    const position = new RotaryPosition(8, 20, options, { random: new Random(1, 'x'), device: 'reference' });
    const [q, k] = [leaf([1, 1, 8], 1, 'q'), leaf([1, 1, 8], 1, 'k')];
    const score = (a: Tensor, b: Tensor): number => matmul(a, b, { transposeB: true }).item();
    const grown = score(position.query(q, 13), position.key(k, 13));
    expectNear([grown], [(0.1 * Math.log(4) + 1) ** 2 * score(q, k)], 1e-12);
  });

  // Wavelengths as in Meta's published code for Llama 3.1.
  it('Llama 3: waves shorter than L/4 stay, longer than L/1 are divided, those between in proportion', () => {
    const [factor, trainedLength] = [8, 256];
    const kinds = new Set<string>();
    compare({ scaling: 'llama3', factor, trainedLength }, (i) => {
      const own = divide(10_000, headDim, i);
      const wave = (2 * Math.PI) / own;
      kinds.add(wave < trainedLength / 4 ? 'short' : wave > trainedLength ? 'long' : 'between');
      if (wave < trainedLength / 4) return own;
      if (wave > trainedLength) return own / factor;
      const smooth = (trainedLength / wave - 1) / (4 - 1);
      return ((1 - smooth) * own) / factor + smooth * own;
    });
    expect(kinds.size).toBe(3);
    const { frequencies } = turned({ scaling: 'llama3', factor, trainedLength, highFreqFactor: 400 });
    expect(frequencies[0], 'a higher bound reaches faster pairs').toBeLessThan(1);
  });
});

/** transformers' cases: the width of a head is that of the oracle. */
const cases: Readonly<Record<string, Omit<RotaryPositionOptions, 'layout'>>> = {
  rotary_llama: plain,
  rotary_llama_linear: { ...plain, scaling: 'linear', factor: 3 },
  rotary_llama_yarn: { ...plain, scaling: 'yarn', factor: 4, trainedLength: 64 },
  rotary_llama3_scaled: { ...plain, base: 500_000, scaling: 'llama3', factor: 8, trainedLength: 64 },
  rotary_gpt_neox_partial: { ...plain, rotaryDim: 4 },
};

describe.each(deviceNames())('turns as transformers does (D9), on %s', (device) => {
  it.for(Object.entries(cases))('%s', ([name, options], context) => {
    needDevice(context, device);
    const stored = needOracle(context, `oracles/modules/${name}.safetensors`);
    const places = Array.from(stored('in.positions').data, Number);
    const headDim = stored('in.q').shape[3]!;
    const rotaryDim = options.rotaryDim ?? headDim;

    const { frequencies } = rotaryFrequencies(rotaryDim, options);
    const wanted = stored('out.inv_freq').data;
    frequencies.forEach((frequency, i) => {
      expectNear([frequency / Number(wanted[i])], [1], 1e-6, `pair ${i}`);
    });
    const table = rotaryTable(Math.max(...places) + 1, rotaryDim, options);
    const half = rotaryDim / 2;
    // transformers writes the cosines of the pairs twice, then the sines twice.
    for (const [start, what] of [
      [0, 'cos'],
      [half, 'sin'],
    ] as const) {
      const own = places.flatMap((place) => {
        const row = rowOf(table, place, rotaryDim).slice(start, start + half);
        return [...row, ...row];
      });
      expectNear(own, stored(`out.${what}`).data, 1e-5, what);
    }

    scope(() => {
      const random = new Random(1, 'unused');
      const made = new RotaryPosition(headDim, 256, { ...options, layout: 'halves' }, { random, device });
      const place = tensor(Int32Array.from(places), [1, places.length], { dtype: 'int32', device });
      for (const [side, turn] of [
        ['q', made.query.bind(made)],
        ['k', made.key.bind(made)],
      ] as const) {
        const { data, shape } = stored(`in.${side}`);
        const turned = turn(mergeHeads(tensor(data, shape, { device })), place);
        expectNear(splitHeads(turned, shape[1]!).data, stored(`out.${side}`).data, 1e-5, side);
      }
    });
  });
});

describe('heads of which a part turns (D9)', () => {
  const context = { random: new Random(1, 'unused'), device: 'reference' };
  const part = (layout: 'halves' | 'interleaved', headDim: number): RotaryPosition =>
    new RotaryPosition(headDim, 9, { ...plain, layout, rotaryDim: 4 }, context);

  it.each([
    ['halves', 6],
    ['halves', 7],
    ['interleaved', 6],
    ['interleaved', 7],
  ] as const)(
    '%s, width %d: the first four channels as a head of four, the others as they are',
    (layout, D) => {
      const x = leaf([1, 3, 2 * D], 2, 'x');
      const four = new RotaryPosition(4, 9, { ...plain, layout }, context);
      const { data } = noGrad(() => part(layout, D).query(x, 5));
      for (let t = 0; t < 3; t++) {
        for (let h = 0; h < 2; h++) {
          const at = (t * 2 + h) * D;
          const own = tensor(Array.from(x.data.slice(at, at + 4)), [1, 1, 4], { device: 'reference' });
          expectNear(data.slice(at, at + 4), four.query(own, 5 + t).data, 1e-14, 'turned');
          expect([...data.slice(at + 4, at + D)]).toEqual([...x.data.slice(at + 4, at + D)]);
        }
      }
      const upstream = leaf([1, 3, 2 * D], 3, 'upstream').detach();
      const loss = (): Tensor => sum(mul(part(layout, D).key(x, 5), upstream));
      expectGradients(loss, [['x', x]]);
    },
  );
});

const experimentWith = (position: unknown) =>
  validateExperiment({
    name: 'small',
    data: { format: 'text', path: 'a.txt', segmentLength: 8, batchSize: 2 },
    tokenizer: { shared: { kind: 'char' } },
    model: { kind: 'gpt', dModel: 16, numHeads: 2, maxSeqLen: 8, position },
    training: { maxSteps: 1 },
  });

describe('options that do not go together (D9)', () => {
  const sizes = { sourceVocabSize: 9, targetVocabSize: 9, dModel: 16, dFf: 8, numHeads: 2 };
  it.each([
    [{ factor: 4 }, 'factor 4 does nothing without a scaling: expected scaling linear, ntk, yarn or llama3'],
    [{ scaling: 'yarn' }, 'scaling yarn by a factor of 1 does nothing: expected a factor above 1'],
    [{ scaling: 'linear', factor: 1 }, 'scaling linear by a factor of 1 does nothing'],
    [{ scaling: 'llama', factor: 2 }, 'did you mean "llama3"?'],
    [
      { scaling: 'llama3', factor: 8, lowFreqFactor: 4 },
      'expected highFreqFactor above lowFreqFactor (4), got 4',
    ],
    [
      { scaling: 'linear', factor: 2, trainedLength: 64 },
      'trainedLength 64 does nothing with scaling linear: expected scaling yarn or llama3',
    ],
    [{ highFreqFactor: 8 }, 'highFreqFactor 8 does nothing with scaling none: expected scaling llama3'],
    [
      { scaling: 'yarn', factor: 2, lowFreqFactor: 2 },
      'lowFreqFactor 2 does nothing with scaling yarn: expected scaling llama3',
    ],
    [{ rotaryDim: 3 }, 'it turns pairs: expected an even rotaryDim, got 3'],
    [{ rotaryDim: 10 }, 'expected a rotaryDim of at most the head width (8), got 10'],
    [{ rotaryDim: 0 }, 'position.rotaryDim: expected a whole number of at least 2, got 0'],
  ])('%j: %s', (options, message) => {
    const position = { kind: 'rope', ...options } as PositionChoice;
    expect(() => new Transformer({ ...sizes, position })).toThrow(ConfigError);
    expect(() => new Transformer({ ...sizes, position })).toThrow(message);
    expect(() => experimentWith(position)).toThrow(ConfigError);
  });

  it('reach a model from an experiment', () => {
    const position = { kind: 'rope', scaling: 'llama3', factor: 8, trainedLength: 64, rotaryDim: 4 };
    const { model } = experimentWith(position);
    expect(model).toMatchObject({ position: { ...position, lowFreqFactor: 1, highFreqFactor: 4 } });
  });
});
