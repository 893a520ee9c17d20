/** Bugs in quantised weights. */
import type { QuantizedMatrix } from '../../../src/nn/quantized-matrix.ts';
import { WeightModule } from '../../../src/nn/weight-module.ts';
import {
  outputsNearDequantized,
  weightsMoveByHalfAStep,
  wholeActivationsAreExact,
} from '../checks/quantize.ts';
import { type Mutant, mutateOp, patch } from './mutant.ts';

/** Plants a bug in the codes or scales right after they are made. */
const spoil = (change: (codes: QuantizedMatrix) => void) => () =>
  patch(
    WeightModule.prototype,
    'quantize',
    (real) =>
      function (this: WeightModule, dtype) {
        real.call(this, dtype);
        change(this.quantized!);
      },
  );

export const quantizeMutants: readonly Mutant[] = [
  {
    name: 'scales that are those of the rows before',
    mutate: spoil(({ scales }) => scales.data.copyWithin(1, 0)),
    caughtBy: weightsMoveByHalfAStep,
  },
  {
    name: 'codes cut off instead of rounded',
    mutate: spoil(({ codes, scales }) => {
      if (codes.dtype === 'int8')
        codes.data.set(Array.from(codes.data as Int8Array, (code) => code - Math.sign(code)));
      else scales.data.set(Array.from(scales.data, (scale) => scale * 0.9));
    }),
    caughtBy: weightsMoveByHalfAStep,
  },
  {
    name: 'the bias added to every second row',
    mutate: mutateOp<object, 'compute'>('quantizedLinear', 'compute', (real) => (context) => {
      real(context);
      const { output, inputs } = context;
      const bias = (inputs as readonly { data: ArrayLike<number> }[])[3]!;
      output.data.forEach((value, i) => {
        const width = output.shape.at(-1)!;
        if (Math.floor(i / width) % 2) output.data[i] = value - bias.data[i % width]!;
      });
    }),
    caughtBy: wholeActivationsAreExact,
  },
  {
    name: 'activations rounded to half as many steps',
    mutate: mutateOp<object, 'compute'>('quantizedLinear', 'compute', (real) => (context) => {
      const { data } = context.inputs[0]!;
      const before = data.slice();
      for (let from = 0; from < data.length; from += 32) {
        const group = Array.from(data.subarray(from, from + 32));
        const step = (2 * Math.max(...group.map(Math.abs))) / 127;
        data.set(
          group.map((v) => Math.round(v / step) * step),
          from,
        );
      }
      real(context);
      data.set(before);
    }),
    caughtBy: wholeActivationsAreExact,
  },
  {
    name: 'the last column of a group left out',
    mutate: mutateOp<object, 'compute'>('quantizedLinear', 'compute', (real) => (context) => {
      const { data } = context.inputs[0]!;
      const before = data.slice();
      data.forEach((_, i) => {
        if (i % 32 === 31) data[i] = 0;
      });
      real(context);
      data.set(before);
    }),
    caughtBy: outputsNearDequantized,
  },
];
