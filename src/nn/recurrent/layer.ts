/**
 * Recurrent layers: Elman networks, LSTM and GRU, in one direction or both.
 *
 * Papers: Elman, Finding Structure in Time, 1990; Hochreiter & Schmidhuber, Long Short-Term Memory, 1997; Cho et al.
 * 2014, https://arxiv.org/abs/1406.1078; both directions: Schuster & Paliwal 1997.
 */
import type { Tensor } from '../../core/tensor.ts';
import { ShapeError } from '../../errors.ts';
import { type RecurrentCell, recurrentCells } from '../../ops/recurrent/cells.ts';
import { type RecurrentResult, recurrent } from '../../ops/recurrent/index.ts';
import { reshape } from '../../ops/shape/reshape.ts';
import { concat } from '../../ops/shape/slice.ts';
import { uniform } from '../initializers.ts';
import { Linear } from '../linear.ts';
import { Module, type ModuleContext, type Parameter, parameter } from '../module.ts';
import type { Sequences } from './sequences.ts';

/** State of every sequence in one layer and direction, `[n, H]`; only an LSTM has a cell state. */
export interface RecurrentState {
  readonly hidden: Tensor;
  readonly cell: Tensor | null;
}

/** Sizes and kind of a recurrent layer. */
export interface RecurrentLayerOptions {
  readonly cell: RecurrentCell;
  readonly inputWidth: number;
  /** H of each direction. */
  readonly width: number;
  readonly bidirectional?: boolean;
  /**
   * Added to the first bias of an LSTM's forget gate, so that it starts by remembering; 1 by default. Paper: Gers,
   * Schmidhuber & Cummins, Learning to Forget, 2000.
   */
  readonly forgetBias?: number;
}

/** The same weights at every step, in one direction: `h_t = step(W x_t + b, U h_{t−1} + d, h_{t−1})`. */
export class RecurrentDirection extends Module {
  /** W and b: the products with the inputs of all steps are made at once. */
  readonly input: Linear;
  /** U, `[gates · H, H]`. */
  readonly weight: Parameter;
  /** d, `[gates · H]`. */
  readonly bias: Parameter;
  private readonly kind: RecurrentCell;
  private readonly reverse: boolean;

  constructor(options: RecurrentLayerOptions, reverse: boolean, context: ModuleContext) {
    super();
    const { cell, inputWidth, width, forgetBias = 1 } = options;
    const columns = recurrentCells[cell].gates * width;
    const initializer = uniform(1 / Math.sqrt(width));
    this.input = new Linear(inputWidth, columns, context, { initializer });
    this.input.bias!.data.set(initializer([columns], context.random));
    this.weight = parameter([columns, width], initializer, context);
    this.bias = parameter([columns], initializer, context);
    if (cell === 'lstm') for (let j = width; j < 2 * width; j++) this.bias.data[j]! += forgetBias;
    this.kind = cell;
    this.reverse = reverse;
  }

  /** x `[rows, C]` to the state after every row, `[rows, H]`, and the last states. */
  forward(x: Tensor, { plan }: Sequences, start: RecurrentState | null): RecurrentResult {
    const how = { kind: this.kind, plan, reverse: this.reverse, ...start };
    return recurrent(this.input.forward(x), this.weight, this.bias, how);
  }
}

/** A layer in one direction, or in both with their states side by side. */
export class RecurrentLayer extends Module {
  readonly ahead: RecurrentDirection;
  readonly back: RecurrentDirection | null;

  constructor(options: RecurrentLayerOptions, context: ModuleContext) {
    super();
    this.ahead = new RecurrentDirection(options, false, context);
    this.back = options.bidirectional ? new RecurrentDirection(options, true, context) : null;
  }

  /** Directions. */
  get directions(): number {
    return this.back ? 2 : 1;
  }

  /**
   * @param x - `[B, T, C]` with `B · T` the rows of `sequences`
   * @param start - the state of each direction before the first step; zeros when absent
   * @returns output `[B, T, directions · H]`, zeros where there is padding, and the last state of each direction
   * @throws {ShapeError} when x has not the rows of the sequences
   */
  forward(
    x: Tensor,
    sequences: Sequences,
    start: readonly RecurrentState[] | null = null,
  ): { readonly output: Tensor; readonly states: readonly RecurrentState[] } {
    const [batch, length, channels] = x.shape as [number, number, number];
    if (batch * length !== sequences.rows) {
      throw new ShapeError({
        where: 'RecurrentLayer',
        expected: `x with the ${sequences.rows} rows of the sequences`,
        got: `[${x.shape.join(', ')}]`,
      });
    }
    const rows = reshape(x, [batch * length, channels]);
    const ran = [this.ahead, ...(this.back ? [this.back] : [])].map((direction, i) =>
      direction.forward(rows, sequences, start?.[i] ?? null),
    );
    const outputs = ran.map(({ output }) => output);
    const output = outputs.length === 1 ? outputs[0]! : concat(outputs, 1);
    return {
      output: this.expose('states', reshape(output, [batch, length, output.shape[1]!])),
      states: ran.map(({ hidden, cell }) => ({ hidden, cell })),
    };
  }
}
