/** A recurrent layer over a whole batch of sequences as one op: only the product with the state is made step by step. */
import { defineOp, expectType, type Sample } from '../../core/op.ts';
import { formatShape, type Shape, sameShape } from '../../core/shape.ts';
import { Tensor, zeros } from '../../core/tensor.ts';
import { ShapeError } from '../../errors.ts';
import { linear } from '../linear/index.ts';
import { concat, slice } from '../shape/slice.ts';
import { type RecurrentCell, recurrentCells, type StepState } from './cells.ts';

interface RecurrentParams {
  readonly kind: RecurrentCell;
  readonly reverse: boolean;
}

type RecurrentInputs = readonly [
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  hidden: Tensor,
  cell: Tensor | null,
  plan: Tensor,
];

const kinds = Object.keys(recurrentCells) as RecurrentCell[];
const plan = (n: number, values: readonly number[]) => ({ shape: [3, n], values, dtype: 'int32' }) as const;
/** Three sequences, one of them empty, with a row of padding between the others. */
const padded = plan(3, [3, 0, 2, 4, 2, 0, 2, 0, 1]);

const samples: readonly Sample<RecurrentParams>[] = [
  ...kinds.flatMap((kind): Sample<RecurrentParams>[] => {
    const { gates, hasCell } = recurrentCells[kind];
    const of = (rows: number, n: number, width: number): [Shape, Shape, Shape, Shape, Shape | null] => [
      [rows, gates * width],
      [gates * width, width],
      [gates * width],
      [n, width],
      hasCell ? [n, width] : null,
    ];
    const [x, weight, , hidden, cell] = of(3, 3, 17);
    return [
      { inputs: [...of(7, 3, 5), padded], params: { kind, reverse: false }, note: 'padding, an empty one' },
      { inputs: [...of(7, 3, 5), padded], params: { kind, reverse: true } },
      {
        inputs: [x, weight, null, hidden, cell, plan(3, [0, 1, 2, 1, 1, 1, 0, 1, 2])],
        params: { kind, reverse: false },
        note: 'one step, no bias',
      },
    ];
  }),
  {
    inputs: [[38, 1], [1, 1], [1], [37, 1], null, plan(37, manySequences())],
    params: { kind: 'elman', reverse: true },
    note: 'more sequences than go together, one unit',
  },
  {
    inputs: [[130, 9], [9, 3], [9], [130, 3], null, plan(130, singleSteps(130))],
    params: { kind: 'gru', reverse: false },
    note: 'one step of a large batch',
  },
  {
    inputs: [[5, 132], { shape: [132, 33], range: [-0.3, 0.3] }, null, [1, 33], [1, 33], plan(1, [0, 5, 0])],
    params: { kind: 'lstm', reverse: false },
    note: 'odd width',
  },
];

/** Thirty-seven sequences in thirty-eight rows, the last one of two. */
function manySequences(): number[] {
  const rest = Array.from({ length: 36 }, (_, i) => i);
  return [36, ...rest, 2, ...rest.map(() => 1), 36, ...rest];
}

/** One row for each sequence. */
function singleSteps(n: number): number[] {
  const places = Array.from({ length: n }, (_, i) => i);
  return [...places, ...places.map(() => 1), ...places];
}

/** Hidden and cell states that follow the rows of the output. */
function statesOf(kind: RecurrentCell): number {
  return recurrentCells[kind].hasCell ? 2 : 1;
}

function checkShapes(
  [x, weight, bias, hidden, cell, order]: readonly (Shape | null)[],
  kind: RecurrentCell,
): void {
  const { gates, hasCell } = recurrentCells[kind];
  const fail = (expected: string, got: Shape | null): never => {
    throw new ShapeError({ where: 'recurrent', expected, got: got ? formatShape(got) : 'none' });
  };
  const [n, width] = hidden as [number, number];
  if (hidden!.length !== 2 || width < 1) fail('a state [n, H] with H of at least 1', hidden!);
  const columns = gates * width;
  if (!sameShape(weight!, [columns, width])) fail(`${kind} weight [${columns}, ${width}]`, weight!);
  if (x!.length !== 2 || x![1] !== columns) fail(`x [rows, ${columns}], the inputs' part of the gates`, x!);
  if (bias && !sameShape(bias, [columns])) fail(`bias [${columns}]`, bias);
  if (hasCell !== (cell !== null) || (cell && !sameShape(cell, [n, width])))
    fail(hasCell ? `a cell state [${n}, ${width}]` : `no cell state for ${kind}`, cell!);
  if (!sameShape(order!, [3, n])) fail(`a plan [3, ${n}]`, order!);
}

/** All steps of one sequence: the hidden state after each, and the last state. */
function runSequence(
  [x, weight, bias]: RecurrentInputs,
  rows: readonly number[],
  start: StepState,
  kind: RecurrentCell,
): { readonly steps: Map<number, Tensor>; readonly last: StepState } {
  const steps = new Map<number, Tensor>();
  let last = start;
  for (const row of rows) {
    last = recurrentCells[kind].step(slice(x, 0, row, row + 1), linear(last.hidden, weight, bias), last);
    steps.set(row, last.hidden);
  }
  return { steps, last };
}

/** Sequence by sequence, step by step. */
function composed(inputs: RecurrentInputs, { kind, reverse }: RecurrentParams): Tensor {
  const [x, , , hidden, cell, order] = inputs;
  const [n, width] = hidden.shape as [number, number];
  const steps = new Map<number, Tensor>();
  const last = new Array<StepState>(n);
  for (let k = 0; k < n; k++) {
    const [first, length, place] = [0, 1, 2].map((part) => order.data[part * n + k]!) as [
      number,
      number,
      number,
    ];
    const own = Array.from({ length }, (_, t) => first + (reverse ? length - 1 - t : t));
    const row = (state: Tensor): Tensor => slice(state, 0, place, place + 1);
    const ran = runSequence(inputs, own, { hidden: row(hidden), cell: cell && row(cell) }, kind);
    for (const [at, state] of ran.steps) steps.set(at, state);
    last[place] = ran.last;
  }
  const padding = zeros([1, width], { device: x.device });
  return concat(
    [
      ...Array.from({ length: x.shape[0]! }, (_, row) => steps.get(row) ?? padding),
      ...last.map((state) => state.hidden),
      ...(cell ? last.map((state) => state.cell!) : []),
      slice(hidden, 0, 0, 0), // of an empty batch there must be something to join
    ],
    0,
  );
}

/** In the order of native/kernels/recurrent.c. */
function kernelInts([x, , , hidden]: RecurrentInputs, { kind, reverse }: RecurrentParams): number[] {
  return [kinds.indexOf(kind), x.shape[0]!, hidden.shape[0]!, hidden.shape[1]!, Number(reverse)];
}

const op = defineOp<RecurrentInputs, RecurrentParams>({
  name: 'recurrent',
  samples,
  shape: ([x, weight, bias, hidden, cell, order], { kind }) => {
    checkShapes([x, weight, bias, hidden, cell, order], kind);
    return [x[0]! + statesOf(kind) * hidden[0]!, hidden[1]!];
  },
  flops: ([x, weight]) => 2 * x[0]! * weight[0]! * weight[1]! + 10 * x[0]! * weight[0]!,
  reference: composed,
  kernel: {
    names: ['recurrent', 'recurrent_backward'],
    saved: ([x, , , hidden], { kind }) => [
      { shape: [x[0]!, recurrentCells[kind].kept * hidden[1]!], dtype: 'float' },
    ],
    forward: ({ inputs, output, saved, params }) => ({
      name: 'recurrent',
      tensors: [output.data, saved[0]!.data, ...inputs.map((input) => input?.data ?? null)],
      ints: kernelInts(inputs, params),
      floats: [],
      items: 1,
    }),
    backward: ({ inputs, output, saved, grad, inputGrads, params }) => {
      const [x, weight, , hidden, cell, order] = inputs;
      const room = (like: Tensor): Tensor =>
        Tensor.empty(like.shape, like.dtype, like.device, 'recurrent.backward');
      const [dx, dWeight, dBias, dHidden, dCell] = inputGrads;
      const gates = dx ?? room(x);
      const recalled = params.kind === 'gru' ? room(x) : gates;
      const before = Tensor.empty([x.shape[0]!, hidden.shape[1]!], x.dtype, x.device, 'recurrent.backward');
      const written = [gates, dWeight, dBias, dHidden ?? room(hidden), cell && (dCell ?? room(cell))];
      const read = [recalled, before, weight, hidden, cell, order, output, saved[0]!, grad];
      return {
        name: 'recurrent_backward',
        tensors: [...written, ...read].map((each) => each?.data ?? null),
        ints: kernelInts(inputs, params),
        floats: [],
        items: 1,
      };
    },
  },
});

/** What a recurrent layer is run with. */
export interface RecurrentCallOptions {
  readonly kind: RecurrentCell;
  /** int32 `[3, n]` from `sequencePlan`. */
  readonly plan: Tensor;
  /** `[n, H]` before the first step; zeros when absent. */
  readonly hidden?: Tensor | null | undefined;
  /** `[n, H]`, of an LSTM. */
  readonly cell?: Tensor | null | undefined;
  /** Goes from the last row of each sequence to the first. */
  readonly reverse?: boolean | undefined;
}

/** What a recurrent layer gives. */
export interface RecurrentResult {
  /** Hidden state after each row, `[rows, H]`; zeros in rows of no sequence. */
  readonly output: Tensor;
  /** After the last step of each sequence, `[n, H]`. */
  readonly hidden: Tensor;
  /** `[n, H]` for an LSTM, else null. */
  readonly cell: Tensor | null;
}

/**
 * `h_t = step(x_t, W h_{t−1} + b, h_{t−1})` for every sequence of a batch; see `recurrentCells` for the steps.
 *
 * @param x - `[rows, gates · H]`: the products of all rows with the input's weight, made at once by `linear`
 * @param weight - `[gates · H, H]`
 * @param bias - `[gates · H]`, on the state's part of the gates, or null
 * @throws {ShapeError} when the sizes do not fit the cell
 * @example
 * const plan = sequencePlan([{ first: 0, length: 3 }], 3, x.device);
 * const { output, hidden } = recurrent(linear(x, inputWeight, inputBias), weight, bias, { kind: 'gru', plan });
 */
export function recurrent(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  { kind, plan: order, hidden, cell, reverse = false }: RecurrentCallOptions,
): RecurrentResult {
  expectType('recurrent', 'plan', order, 'int32');
  const [rows, n] = [x.shape[0]!, order.shape[1]!];
  const fresh = (): Tensor => zeros([n, weight.shape[1]!], { device: x.device });
  const { hasCell } = recurrentCells[kind];
  const all = op(x, weight, bias, hidden ?? fresh(), hasCell ? (cell ?? fresh()) : null, order, {
    kind,
    reverse,
  });
  return {
    output: slice(all, 0, 0, rows),
    hidden: slice(all, 0, rows, rows + n),
    cell: hasCell ? slice(all, 0, rows + n) : null,
  };
}
