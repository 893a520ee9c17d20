/** What any right quantisation does; each check throws when it does not. */
import fc from 'fast-check';
import { expect } from 'vitest';
import { Linear, noGrad, type QuantizedType, quantize, Random, scope, tensor } from '../../../src/index.ts';
import { slowDequantize } from '../slow-quantized.ts';

const sizes = fc.record({
  rows: fc.integer({ min: 1, max: 35 }),
  groups: fc.integer({ min: 1, max: 3 }),
  dtype: fc.constantFrom<QuantizedType>('int8', 'int4'),
  seed: fc.nat(),
});

function quantizedLayer(rows: number, columns: number, dtype: QuantizedType, seed: number, device: string) {
  const layer = new Linear(columns, rows, { random: new Random(seed, 'weights'), device });
  layer.bias!.data.set(Float64Array.from({ length: rows }, (_, i) => i / 7));
  const before = Float64Array.from(layer.weight.data);
  quantize(layer, { dtype });
  const { codes, scales } = layer.quantized!;
  return { layer, before, after: slowDequantize({ codes, scales, rows, columns, dtype }) };
}

/** No weight moves by more than half a step; with `int4` the end of the range may move by a whole one. */
export function weightsMoveByHalfAStep(): void {
  fc.assert(
    fc.property(sizes, fc.integer({ min: 0, max: 31 }), ({ rows, groups, dtype, seed }, fewer) => {
      const columns = groups * 32 - (dtype === 'int8' ? fewer : 0);
      const { before, after } = quantizedLayer(rows, columns, dtype, seed, 'reference');
      const width = dtype === 'int8' ? columns : 32;
      for (let from = 0; from < before.length; from += width) {
        const own = before.subarray(from, from + width);
        const most = own.reduce((m, w) => Math.max(m, Math.abs(w)), 0);
        const step = dtype === 'int8' ? most / 127 : most / 8;
        own.forEach((weight, i) => {
          const moved = Math.abs(after[from + i]! - weight);
          const room = dtype === 'int4' && Math.abs(weight) > 7.5 * step ? 1 : 0.5;
          expect(moved, `weight ${from + i} of ${dtype}`).toBeLessThanOrEqual(room * step * (1 + 1e-6));
        });
      }
    }),
    { numRuns: 30 },
  );
}

/** The layer's output is that of the dequantised weights, but for half a step of each activation. */
export function outputsNearDequantized(device = 'reference'): void {
  fc.assert(
    fc.property(sizes, fc.integer({ min: 1, max: 13 }), ({ rows, groups, dtype, seed }, count) => {
      const columns = groups * 32;
      const { layer, after } = quantizedLayer(rows, columns, dtype, seed, device);
      const random = new Random(seed, 'x');
      const x = Float64Array.from({ length: count * columns }, () => random.normal());
      const y = noGrad(() =>
        scope(() => layer.forward(tensor(x, [count, columns], { device })).data.slice()),
      );
      for (let m = 0; m < count; m++) {
        for (let r = 0; r < rows; r++) {
          let [sum, room] = [r / 7, 1e-4];
          for (let c = 0; c < columns; c++) {
            const group = x.subarray(m * columns + c - (c % 32), m * columns + c - (c % 32) + 32);
            const step = group.reduce((most, v) => Math.max(most, Math.abs(v)), 0) / 127;
            sum += x[m * columns + c]! * after[r * columns + c]!;
            room += 0.501 * step * Math.abs(after[r * columns + c]!);
          }
          expect(Math.abs(y[m * rows + r]! - sum), `output ${m}, ${r}`).toBeLessThanOrEqual(room);
        }
      }
    }),
    { numRuns: 20 },
  );
}

/** Activations that are whole multiples of a group's step lose nothing: the output is exact. */
export function wholeActivationsAreExact(device = 'reference'): void {
  for (const dtype of ['int8', 'int4'] as const) {
    const [rows, columns, count] = [37, 96, 9];
    const { layer, after } = quantizedLayer(rows, columns, dtype, 5, device);
    const x = Float64Array.from({ length: count * columns }, (_, i) =>
      i % 32 === 3 ? -127 : (i * 31) % 128,
    );
    const y = noGrad(() => scope(() => layer.forward(tensor(x, [count, columns], { device })).data.slice()));
    for (let m = 0; m < count; m++) {
      for (let r = 0; r < rows; r++) {
        let sum = r / 7;
        for (let c = 0; c < columns; c++) sum += x[m * columns + c]! * after[r * columns + c]!;
        expect(Math.abs(y[m * rows + r]! - sum), `${dtype} output ${m}, ${r}`).toBeLessThan(
          device === 'reference' ? 1e-9 : 2e-3,
        );
      }
    }
  }
}
