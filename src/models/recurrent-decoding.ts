/** What decoding with a recurrent model keeps of a batch: the last states, and what the decoder looks at. */
import type { Tensor } from '../core/tensor.ts';
import { selected } from '../nn/attention/cache.ts';
import { asMask, type Mask } from '../nn/attention/masks.ts';
import type { SourceMemory } from '../nn/attention/source.ts';
import type { RecurrentStates } from '../nn/recurrent/stack.ts';
import type { DecodingState } from './encoder-decoder.ts';

/** What a step leaves for the next one. */
export interface Carried {
  readonly states: RecurrentStates;
  /** `[B, 1, C]`, where the next step reads what this one said. */
  readonly said: Tensor | null;
  /** `[B, S]`, for attention that remembers where it looked. */
  readonly weights: Tensor | null;
}

/** One step of the model: tokens `[B, 1]` to logits `[B, V]`. */
export type RecurrentStep = (
  tokens: Tensor,
  memory: SourceMemory | null,
  mask: Mask | null,
  before: Carried,
) => { readonly logits: Tensor; readonly carried: Carried };

/** Calls `change` on every tensor of states. */
function mapStates(states: RecurrentStates, change: (state: Tensor) => Tensor): RecurrentStates {
  return states.map((layer) =>
    layer.map(({ hidden, cell }) => ({ hidden: change(hidden), cell: cell && change(cell) })),
  );
}

/** Calls `change` on every tensor that is carried. */
function mapCarried({ states, said, weights }: Carried, change: (tensor: Tensor) => Tensor): Carried {
  return {
    states: mapStates(states, change),
    said: said && change(said),
    weights: weights && change(weights),
  };
}

/** A batch of texts that grow token by token. */
export class RecurrentDecoding implements DecodingState {
  private carried: Carried;
  private memory: SourceMemory | null;
  private mask: Mask | null;
  private readonly advance: RecurrentStep;

  constructor(
    { states, memory }: { readonly states: RecurrentStates; readonly memory: SourceMemory | null },
    mask: Mask | null,
    advance: RecurrentStep,
  ) {
    this.carried = mapCarried({ states, said: null, weights: null }, (tensor) => tensor.keep());
    this.memory = memory && { keys: memory.keys.keep(), values: memory.values.keep() };
    this.mask = mask?.keep() ?? null;
    this.advance = advance;
  }

  step(tokens: Tensor): Tensor {
    const { logits, carried } = this.advance(tokens, this.memory, this.mask, this.carried);
    const before = this.carried;
    this.carried = mapCarried(carried, (tensor) => tensor.keep());
    mapCarried(before, disposed);
    return logits;
  }

  select(places: readonly number[]): void {
    const chosen = (of: Tensor): Tensor => selected(of, places);
    this.carried = mapCarried(this.carried, chosen);
    if (this.memory) {
      const { keys, values } = this.memory;
      const isShared = keys === values;
      const own = chosen(values);
      this.memory = { keys: isShared ? own : chosen(keys), values: own };
    }
    if (this.mask) this.mask = asMask(chosen(this.mask));
  }

  dispose(): void {
    mapCarried(this.carried, disposed);
    this.memory?.keys.dispose();
    this.memory?.values.dispose();
    this.mask?.dispose();
  }
}

function disposed(state: Tensor): Tensor {
  state.dispose();
  return state;
}
