/** Position information. */
import type { Mechanism } from './mechanism.ts';

const test = 'tests/properties/positions.test.ts';
const tables = 'tests/properties/embedding.test.ts';
const kept = 'padding, causality, caches and packed sequences change nothing';

export const rows: readonly Mechanism[] = [
  {
    id: 'D1',
    name: 'No position',
    file: 'src/nn/position/none.ts',
    verification: `the encoder is equivariant exactly; ${kept}`,
    test: tables,
    more: [test],
  },
  {
    id: 'D2',
    name: 'Counting position',
    file: 'src/nn/position/counting.ts',
    verification: `the numbers that are added; it says no more than the causal mask and fails beyond the trained length, five seeds; ${kept}`,
    test,
    more: ['tests/long/positions-beyond.test.ts'],
  },
  {
    id: 'D3',
    name: 'Length-normalised position',
    file: 'src/nn/position/counting.ts',
    verification: `neighbours stand further apart in a shorter text; ${kept}`,
    test,
  },
  {
    id: 'D4',
    name: 'Sinusoidal position',
    file: 'src/nn/position/sinusoidal.ts',
    verification: `PE(pos + k) is a rotation of PE(pos) to 3.6e-14; ${kept}`,
    test: tables,
    more: [test],
  },
  {
    id: 'D5',
    name: 'Layouts of the sinusoids',
    file: 'src/nn/position/sinusoidal.ts',
    verification:
      'halves are a permutation of interleaved ones; doubled exponents are not the paper’s formula',
    test,
  },
  {
    id: 'D6',
    name: 'Learned position',
    file: 'src/nn/position/learned.ts',
    verification: `refuses a place beyond the table, gradient on used rows only; ${kept}`,
    test: tables,
    more: [test],
  },
  {
    id: 'D7',
    name: 'Relative position representations (Shaw)',
    file: 'src/nn/position/shaw.ts',
    verification: `equals a vector for each pair, without storing any; clipped distances share one; shifted places change nothing; ${kept}`,
    test,
  },
  {
    id: 'D9',
    name: 'Rotary position (RoPE)',
    file: 'src/nn/position/rotary.ts',
    verification: `scores depend on m − n only (1e-10), norms stay, layouts are permutations; linear, NTK, YaRN and Llama 3 scaling equal their formulas; queries and keys equal transformers’ to 1e-5 on every device (default, linear, YaRN, Llama 3, GPT-NeoX’s partial heads); ${kept}`,
    test: 'tests/properties/rotary.test.ts',
    more: [test],
  },
  {
    id: 'D10',
    name: 'Bucketed relative bias (T5)',
    file: 'src/nn/position/t5.ts',
    verification: `buckets equal transformers’; equals a number for each pair; ${kept}`,
    test,
  },
  {
    id: 'D11',
    name: 'Linear biases (ALiBi)',
    file: 'src/nn/position/alibi.ts',
    verification: `slopes equal transformers’; equals a slope for each pair; two and four times the trained length beside all kinds, five seeds; ${kept}`,
    test,
    more: ['tests/long/positions-beyond.test.ts'],
  },
  {
    id: 'D12',
    name: 'Relative position of Transformer-XL',
    file: 'src/nn/position/transformer-xl.ts',
    verification: `equals a projected sinusoid for each pair; ${kept}`,
    test,
  },
  {
    id: 'D13',
    name: 'Position on a grid',
    file: 'src/nn/position/grid.ts',
    verification:
      'equals the formula: one half of the channels says the row, the other the column; a detector finds drawn shapes by it, and not without it',
    test,
    more: ['tests/detector.test.ts', 'tests/long/detection.test.ts'],
  },
];
