/** One step of each recurrent cell in plain ops: the formula of the paper, and what the kernels are tested against. */
import type { Tensor } from '../../core/tensor.ts';
import { add, mul, sub } from '../elementwise/binary.ts';
import { relu, sigmoid, tanh } from '../elementwise/unary.ts';
import { slice } from '../shape/slice.ts';

/** The state of a sequence between steps, `[n, H]`; only an LSTM has a cell beside what it shows. */
export interface StepState {
  readonly hidden: Tensor;
  readonly cell: Tensor | null;
}

/** What a cell computes from the input's part of its gates, the state's part, and the state before. */
type Step = (x: Tensor, u: Tensor, before: StepState) => StepState;

interface Cell {
  /** Blocks of H columns that a step needs. */
  readonly gates: number;
  /** Blocks of H columns that the kernel keeps of a step for the backward pass. */
  readonly kept: number;
  /** Whether there is a cell state beside the hidden one. */
  readonly hasCell: boolean;
  readonly step: Step;
}

/** Columns `[gate · H, gate · H + H)`. */
function gate(x: Tensor, index: number, gates: number): Tensor {
  const width = x.shape[1]! / gates;
  return slice(x, 1, index * width, (index + 1) * width);
}

function elman(activation: (x: Tensor) => Tensor): Cell {
  return {
    gates: 1,
    kept: 0,
    hasCell: false,
    step: (x, u) => ({ hidden: activation(add(x, u)), cell: null }),
  };
}

/** `c' = f ⊙ c + i ⊙ g`, `h' = o ⊙ tanh c'` */
const lstmStep: Step = (x, u, { cell }) => {
  const [i, f, g, o] = [0, 1, 2, 3].map((index) => gate(add(x, u), index, 4)) as [
    Tensor,
    Tensor,
    Tensor,
    Tensor,
  ];
  const next = add(mul(sigmoid(f), cell!), mul(sigmoid(i), tanh(g)));
  return { hidden: mul(sigmoid(o), tanh(next)), cell: next };
};

/** `n = tanh(xₙ + r ⊙ uₙ)`, `h' = n + z ⊙ (h − n)` */
const gruStep: Step = (x, u, { hidden }) => {
  const r = sigmoid(add(gate(x, 0, 3), gate(u, 0, 3)));
  const z = sigmoid(add(gate(x, 1, 3), gate(u, 1, 3)));
  const n = tanh(add(gate(x, 2, 3), mul(r, gate(u, 2, 3))));
  return { hidden: add(n, mul(z, sub(hidden, n))), cell: null };
};

/**
 * The cells by name. Their order is that of the codes in native/kernels/recurrent.h.
 *
 * Papers: Elman 1990; Hochreiter & Schmidhuber 1997 with the forget gate of Gers et al. 2000; Cho et al. 2014,
 * https://arxiv.org/abs/1406.1078
 */
export const recurrentCells = {
  /** `h' = tanh(x + u)` */
  elman: elman(tanh),
  /** `h' = max(0, x + u)` */
  elmanRelu: elman(relu),
  /** Gates input, forget, cell, output. */
  lstm: { gates: 4, kept: 5, hasCell: true, step: lstmStep },
  /** Gates reset, update, new. */
  gru: { gates: 3, kept: 4, hasCell: false, step: gruStep },
} as const satisfies Record<string, Cell>;

/** Names of the recurrent cells. */
export type RecurrentCell = keyof typeof recurrentCells;
