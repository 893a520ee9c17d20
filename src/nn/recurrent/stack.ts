/** Recurrent layers on top of each other. */
import type { Tensor } from '../../core/tensor.ts';
import { Module, type ModuleContext } from '../module.ts';
import { Dropout } from '../residual.ts';
import { RecurrentLayer, type RecurrentLayerOptions, type RecurrentState } from './layer.ts';
import type { Sequences } from './sequences.ts';

/** Sizes of a stack of recurrent layers. */
export interface RecurrentOptions extends RecurrentLayerOptions {
  readonly numLayers?: number;
  /** Rate on the output of every layer but the last. */
  readonly dropout?: number;
}

/** The last state of every layer: one for each direction. */
export type RecurrentStates = readonly (readonly RecurrentState[])[];

/**
 * A stack of recurrent layers: the states of each are the inputs of the next.
 *
 * Papers: see `RecurrentLayer`; dropout between layers only: Zaremba et al. 2014, https://arxiv.org/abs/1409.2329
 */
export class Recurrent extends Module {
  readonly layers: readonly RecurrentLayer[];
  private readonly between: Dropout;

  /**
   * @example
   * const lstm = new Recurrent({ cell: 'lstm', inputWidth: 16, width: 32, numLayers: 2 }, { random });
   * const { output, states } = lstm.forward(x, Sequences.padded([5, 3], 5, x.device)); // x [2, 5, 16]
   */
  constructor(options: RecurrentOptions, context: ModuleContext) {
    super();
    const directions = options.bidirectional ? 2 : 1;
    this.layers = Array.from({ length: options.numLayers ?? 1 }, (_, i) => {
      const inputWidth = i === 0 ? options.inputWidth : directions * options.width;
      return new RecurrentLayer({ ...options, inputWidth }, context);
    });
    this.between = new Dropout(options.dropout ?? 0);
  }

  /**
   * @param x - `[B, T, C]` with `B · T` the rows of `sequences`
   * @param start - the states before the first step; zeros when absent
   * @returns output of the last layer `[B, T, directions · H]`, and the last state of every layer
   */
  forward(
    x: Tensor,
    sequences: Sequences,
    start: RecurrentStates | null = null,
  ): { readonly output: Tensor; readonly states: RecurrentStates } {
    let output = x;
    const states = this.layers.map((layer, i) => {
      const ran = layer.forward(
        i === 0 ? output : this.between.forward(output),
        sequences,
        start?.[i] ?? null,
      );
      output = ran.output;
      return ran.states;
    });
    return { output, states };
  }
}
