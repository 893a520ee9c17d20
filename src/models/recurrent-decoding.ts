/** What decoding with a recurrent model keeps of a batch: the last states, and what the decoder looks at. */
import type { Tensor } from '../core/tensor.ts';
import { selected } from '../nn/attention/cache.ts';
import { asMask, type Mask } from '../nn/attention/masks.ts';
import type { SourceMemory } from '../nn/attention/source.ts';
import type { RecurrentStates } from '../nn/recurrent/stack.ts';
import type { DecodingState } from './encoder-decoder.ts';

/** The steps of the model. */
export interface RecurrentSteps {
  /** Tokens `[rows, 1]` and the states before to those after. */
  run(tokens: Tensor, states: RecurrentStates): { readonly output: Tensor; readonly states: RecurrentStates };
  /**
   * `[rows, 1, C]` to `[rows, V]`, and the weights `[rows, S]` where the next step needs them.
   *
   * @param before - the weights of the step before; null at first
   */
  logits(
    output: Tensor,
    memory: SourceMemory | null,
    mask: Mask | null,
    before: Tensor | null,
  ): { readonly logits: Tensor; readonly weights: Tensor | null };
}

/** Calls `change` on every tensor of states. */
function mapStates(states: RecurrentStates, change: (state: Tensor) => Tensor): RecurrentStates {
  return states.map((layer) =>
    layer.map(({ hidden, cell }) => ({ hidden: change(hidden), cell: cell && change(cell) })),
  );
}

/** A batch of texts that grow token by token. */
export class RecurrentDecoding implements DecodingState {
  private states: RecurrentStates;
  private memory: SourceMemory | null;
  private mask: Mask | null;
  /** Where each text looked last, for attention that remembers. */
  private weights: Tensor | null = null;
  private readonly steps: RecurrentSteps;

  constructor(
    { states, memory }: { readonly states: RecurrentStates; readonly memory: SourceMemory | null },
    mask: Mask | null,
    steps: RecurrentSteps,
  ) {
    this.states = mapStates(states, (state) => state.keep());
    this.memory = memory && { keys: memory.keys.keep(), values: memory.values.keep() };
    this.mask = mask?.keep() ?? null;
    this.steps = steps;
  }

  step(tokens: Tensor): Tensor {
    const { output, states } = this.steps.run(tokens, this.states);
    const before = this.states;
    this.states = mapStates(states, (state) => state.keep());
    mapStates(before, disposed);
    const said = this.steps.logits(output, this.memory, this.mask, this.weights);
    this.weights?.dispose();
    this.weights = said.weights?.keep() ?? null;
    return said.logits;
  }

  select(places: readonly number[]): void {
    const chosen = (of: Tensor): Tensor => selected(of, places);
    this.states = mapStates(this.states, chosen);
    if (this.memory) {
      const { keys, values } = this.memory;
      const isShared = keys === values;
      const own = chosen(values);
      this.memory = { keys: isShared ? own : chosen(keys), values: own };
    }
    if (this.mask) this.mask = asMask(chosen(this.mask));
    if (this.weights) this.weights = chosen(this.weights);
  }

  dispose(): void {
    mapStates(this.states, disposed);
    this.memory?.keys.dispose();
    this.memory?.values.dispose();
    this.mask?.dispose();
    this.weights?.dispose();
  }
}

function disposed(state: Tensor): Tensor {
  state.dispose();
  return state;
}
