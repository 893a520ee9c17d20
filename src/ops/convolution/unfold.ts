/** The neighbours of every row side by side, which makes a convolution a matrix product; and the sum that undoes it. */
import type { KernelCall } from '../../core/device.ts';
import { defineOp, type Op, type Sample } from '../../core/op.ts';
import { formatShape, sizeOf } from '../../core/shape.ts';
import { type Tensor, tensor } from '../../core/tensor.ts';
import { ConfigError, ShapeError } from '../../errors.ts';

/** Where the taps of a window lie. */
export interface WindowParams {
  readonly taps: number;
  /** Rows from one window to the next. */
  readonly stride: number;
  /** Rows from one tap to the next. */
  readonly dilation: number;
  /** Rows of zeros before each sequence. */
  readonly before: number;
  /** Rows of zeros after each sequence. */
  readonly after: number;
}

type Pair = readonly [x: Tensor, starts: Tensor];

/** Windows of a sequence of `length` rows. */
export function windowCount(length: number, { taps, stride, dilation, before, after }: WindowParams): number {
  const last = length + before + after - dilation * (taps - 1) - 1;
  return last < 0 ? 0 : Math.floor(last / stride) + 1;
}

/**
 * Where the rows of each sequence begin, and where its windows do.
 *
 * @param lengths - rows of each sequence, one after the other
 * @returns int32 `[2, n + 1]`
 */
export function windowStarts(lengths: ArrayLike<number>, params: WindowParams, like: Tensor): Tensor {
  const n = lengths.length;
  const values = new Int32Array(2 * (n + 1));
  for (let i = 0; i < n; i++) {
    values[i + 1] = values[i]! + lengths[i]!;
    values[n + 2 + i] = values[n + 1 + i]! + windowCount(lengths[i]!, params);
  }
  return tensor(values, [2, n + 1], { dtype: 'int32', device: like.device });
}

const starts = (values: readonly number[]) =>
  ({ shape: [2, values.length / 2], values, dtype: 'int32' }) as const;
const plain: WindowParams = { taps: 3, stride: 1, dilation: 1, before: 1, after: 1 };

const samples: readonly {
  readonly rows: number;
  readonly windows: number;
  readonly sample: Sample<WindowParams>;
}[] = [
  { rows: 5, windows: 5, sample: { inputs: [[5, 3], starts([0, 5, 0, 5])], params: plain } },
  {
    rows: 7,
    windows: 7,
    sample: { inputs: [[7, 17], starts([0, 4, 4, 7, 0, 4, 4, 7])], params: plain, note: 'an empty sequence' },
  },
  {
    rows: 11,
    windows: 5,
    sample: {
      inputs: [[11, 2], starts([0, 9, 11, 0, 4, 5])],
      params: { taps: 4, stride: 2, dilation: 1, before: 1, after: 1 },
      note: 'strides, a sequence shorter than a window',
    },
  },
  {
    rows: 9,
    windows: 9,
    sample: {
      inputs: [[9, 1], starts([0, 9, 0, 9])],
      params: { taps: 2, stride: 1, dilation: 4, before: 4, after: 0 },
      note: 'causal, dilated',
    },
  },
  {
    rows: 0,
    windows: 0,
    sample: { inputs: [[0, 3], starts([0, 0, 0, 0])], params: { ...plain, before: 0 } },
  },
];

function call(name: string, items: number, inner: number) {
  return ([from, places]: Pair, output: Tensor, params: WindowParams): KernelCall => ({
    name,
    tensors: [output.data, from.data, places.data],
    ints: [places.shape[1]! - 1, inner, params.taps, params.stride, params.dilation, params.before],
    floats: [],
    items,
    workPerItem: inner * params.taps,
  });
}

/** Calls `visit(window, tap, row)` for every tap that lies on a row. */
function eachTap(
  places: Tensor,
  params: WindowParams,
  visit: (window: number, tap: number, row: number) => void,
): void {
  const n = places.shape[1]! - 1;
  const at = (side: number, index: number): number => places.data[side * (n + 1) + index]!;
  for (let s = 0; s < n; s++) {
    const length = at(0, s + 1) - at(0, s);
    for (let window = at(1, s); window < at(1, s + 1); window++) {
      for (let tap = 0; tap < params.taps; tap++) {
        const place = (window - at(1, s)) * params.stride + tap * params.dilation - params.before;
        if (place >= 0 && place < length) visit(window, tap, at(0, s) + place);
      }
    }
  }
}

const unfoldOp: Op<Pair, WindowParams & { readonly windows: number }> = defineOp<
  Pair,
  WindowParams & { readonly windows: number }
>({
  name: 'unfold',
  samples: samples.map(({ windows, sample }) => ({ ...sample, params: { ...sample.params, windows } })),
  shape: ([x], { taps, windows }) => {
    if (x.length !== 2) {
      throw new ShapeError({ where: 'unfold', expected: 'x [rows, C]', got: formatShape(x) });
    }
    return [windows, taps * x[1]!];
  },
  flops: () => 0,
  compute: ({ inputs: [x, places], output, params }) => {
    const width = x.shape[1]!;
    output.data.fill(0);
    eachTap(places, params, (window, tap, row) => {
      output.data.set(x.data.subarray(row * width, (row + 1) * width), (window * params.taps + tap) * width);
    });
  },
  backward: ({ inputs: [x, places], grad, params }) => [
    foldOp(grad, places, { ...params, rows: x.shape[0]! }),
    null,
  ],
  kernel: {
    names: ['unfold', 'fold'],
    forward: ({ inputs, output, params }) =>
      call('unfold', output.shape[0]!, inputs[0].shape[1]!)(inputs, output, params),
  },
});

const foldOp: Op<Pair, WindowParams & { readonly rows: number }> = defineOp<
  Pair,
  WindowParams & { readonly rows: number }
>({
  name: 'fold',
  samples: samples.map(({ rows, windows, sample: { inputs, params, ...rest } }) => ({
    ...rest,
    inputs: [[windows, params.taps * (inputs[0] as readonly number[])[1]!], inputs[1]!],
    params: { ...params, rows },
  })),
  shape: ([windows], { taps, rows }) => [rows, windows[1]! / taps],
  flops: ([windows]) => sizeOf(windows),
  compute: ({ inputs: [windows, places], output, params }) => {
    const width = output.shape[1]!;
    output.data.fill(0);
    eachTap(places, params, (window, tap, row) => {
      const from = (window * params.taps + tap) * width;
      for (let c = 0; c < width; c++) output.data[row * width + c]! += windows.data[from + c]!;
    });
  },
  backward: ({ inputs: [windows, places], grad, params }) => [
    unfoldOp(grad, places, { ...params, windows: windows.shape[0]! }),
    null,
  ],
  kernel: {
    names: ['fold'],
    forward: ({ inputs, output, params }) =>
      call('fold', output.shape[0]!, output.shape[1]!)(inputs, output, params),
  },
});

/**
 * The rows that every window covers, side by side: `[t, i] = x[t · stride + i · dilation − before]`, zeros outside the
 * sequence.
 *
 * @param x - `[rows, C]`: sequences one after the other
 * @param lengths - rows of each
 * @returns `[windows, taps · C]`
 * @throws {ShapeError} when the lengths are not those of the rows
 * @throws {ConfigError} when a size of the window cannot be used
 * @example
 * unfold(x, [5], { taps: 3, stride: 1, dilation: 1, before: 1, after: 1 }); // each row with both neighbours
 */
export function unfold(x: Tensor, lengths: ArrayLike<number>, params: WindowParams): Tensor {
  for (const [name, least] of [
    ['taps', 1],
    ['stride', 1],
    ['dilation', 1],
    ['before', 0],
    ['after', 0],
  ] as const) {
    if (Number.isSafeInteger(params[name]) && params[name] >= least) continue;
    throw new ConfigError({
      where: `unfold.${name}`,
      expected: `a whole number of at least ${least}`,
      got: String(params[name]),
    });
  }
  const places = windowStarts(lengths, params, x);
  const n = lengths.length;
  if (places.data[n] !== x.shape[0]) {
    throw new ShapeError({
      where: 'unfold',
      expected: `lengths that add up to ${x.shape[0]} rows`,
      got: String(places.data[n]),
    });
  }
  return unfoldOp(x, places, { ...params, windows: places.data[2 * n + 1]! });
}
