/**
 * Adam and AdamW.
 *
 * `m ← β₁ m + (1−β₁) g`, `v ← β₂ v + (1−β₂) g²`, `θ ← θ − η m̂ / (√v̂ + ε)` with `m̂ = m/(1−β₁ᵗ)`, `v̂ = v/(1−β₂ᵗ)`.
 *
 * Papers: Kingma & Ba, Adam, 2014, https://arxiv.org/abs/1412.6980; Loshchilov & Hutter, Decoupled Weight Decay
 * Regularization, 2017, https://arxiv.org/abs/1711.05101
 */
import { sameShape } from '../core/shape.ts';
import { Tensor } from '../core/tensor.ts';
import { FormatError } from '../errors.ts';

/** Settings of Adam and AdamW. */
export interface AdamOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  readonly weightDecay: number;
  /** AdamW: the decay shrinks the weights directly instead of joining the gradient. */
  readonly decoupled: boolean;
}

/** The values of Vaswani et al. 2017, §5.3: β₂ = 0.98, ε = 1e-9. */
export const adamDefaults: AdamOptions = {
  beta1: 0.9,
  beta2: 0.98,
  eps: 1e-9,
  weightDecay: 0,
  decoupled: true,
};

interface Slot {
  readonly name: string;
  readonly parameter: Tensor;
  readonly first: Tensor;
  readonly second: Tensor;
  /** Vectors (norms, biases) are not decayed. */
  readonly decays: boolean;
}

interface SlotWithGradient extends Slot {
  readonly grad: Tensor;
}

/** Tensors of one launch: six of its arguments each. */
const SLOTS_PER_LAUNCH = 512;

interface StepFactors {
  readonly learningRate: number;
  readonly correction1: number;
  readonly correction2: number;
  readonly gradScale: number;
}

function zeroLike(parameter: Tensor): Tensor {
  const made = Tensor.empty(parameter.shape, parameter.dtype, parameter.device, 'Adam').keep();
  made.data.fill(0);
  return made;
}

/** Moments of every parameter, and the update. */
export class Adam {
  readonly options: AdamOptions;
  /** Updates done. */
  steps = 0;
  private readonly slots: readonly Slot[];

  /**
   * @param parameters - by name, as `namedParameters()` gives them
   * @example
   * const adam = new Adam(model.namedParameters(), { weightDecay: 0.01 });
   */
  constructor(parameters: readonly (readonly [string, Tensor])[], options: Partial<AdamOptions> = {}) {
    this.options = { ...adamDefaults, ...options };
    this.slots = parameters.map(([name, parameter]) => ({
      name,
      parameter,
      first: zeroLike(parameter),
      second: zeroLike(parameter),
      decays: parameter.shape.length >= 2,
    }));
  }

  /**
   * Updates every parameter that has a gradient.
   *
   * @param learningRate - η
   * @param gradScale - factor on the gradients, from clipping
   */
  step(learningRate: number, gradScale = 1): void {
    this.steps++;
    const { beta1, beta2 } = this.options;
    const factors = {
      learningRate,
      correction1: 1 - beta1 ** this.steps,
      correction2: 1 - beta2 ** this.steps,
      gradScale,
    };
    const waiting = this.slots.flatMap((slot) => {
      const { grad } = slot.parameter;
      return grad ? [{ ...slot, grad }] : [];
    });
    for (let k = 0; k < waiting.length; k += SLOTS_PER_LAUNCH)
      this.update(waiting.slice(k, k + SLOTS_PER_LAUNCH), factors);
  }

  /** All of them in one pass over memory. */
  private update(slots: readonly SlotWithGradient[], factors: StepFactors): void {
    const { beta1, beta2, eps, weightDecay, decoupled } = this.options;
    const { device } = slots[0]!.parameter;
    if (!device.supports('adam')) {
      for (const slot of slots) updateByLoop(slot, this.options, factors);
      return;
    }
    const starts = [0];
    for (const { parameter } of slots) starts.push(starts.at(-1)! + parameter.size);
    device.launch({
      name: 'adam',
      tensors: [
        ...slots.map(({ parameter }) => parameter.data),
        ...slots.map(({ first }) => first.data),
        ...slots.map(({ second }) => second.data),
        ...slots.map(({ grad }) => grad.data),
      ],
      ints: [Number(decoupled), slots.length, ...starts, ...slots.map(({ decays }) => Number(decays))],
      floats: [
        factors.learningRate,
        beta1,
        beta2,
        eps,
        weightDecay,
        factors.correction1,
        factors.correction2,
        factors.gradScale,
      ],
      items: starts.at(-1)!,
    });
  }

  /** Moments by name, `m/<parameter>` and `v/<parameter>`, for a checkpoint. */
  stateDict(): Map<string, Tensor> {
    return new Map(
      this.slots.flatMap(({ name, first, second }) => [
        [`m/${name}`, first] as const,
        [`v/${name}`, second] as const,
      ]),
    );
  }

  /**
   * Takes moments back from a checkpoint.
   *
   * @throws {FormatError} when they belong to other parameters
   */
  loadStateDict(
    state: ReadonlyMap<string, Pick<Tensor, 'shape' | 'data'>>,
    steps: number,
    file = 'optimizer',
  ): void {
    for (const [name, own] of this.stateDict()) {
      const stored = state.get(name);
      if (!stored || !sameShape(stored.shape, own.shape)) {
        throw new FormatError({
          where: file,
          file,
          expected: `moment ${name} of shape [${own.shape}]`,
          got: stored ? `[${stored.shape}]` : 'none',
          hint: 'the checkpoint was made with another model',
          code: 'E_ARCHITECTURE',
        });
      }
      own.data.set(stored.data);
    }
    this.steps = steps;
  }

  dispose(): void {
    for (const { first, second } of this.slots) {
      first.dispose();
      second.dispose();
    }
  }
}

function updateByLoop(slot: SlotWithGradient, options: AdamOptions, factors: StepFactors): void {
  const { beta1, beta2, eps, decoupled } = options;
  const weightDecay = slot.decays ? options.weightDecay : 0;
  const { learningRate, correction1, correction2, gradScale } = factors;
  const [theta, m, v, g] = [slot.parameter.data, slot.first.data, slot.second.data, slot.grad.data];
  for (let i = 0; i < theta.length; i++) {
    let gradient = g[i]! * gradScale;
    if (decoupled) theta[i]! *= 1 - learningRate * weightDecay;
    else gradient += weightDecay * theta[i]!;
    m[i] = beta1 * m[i]! + (1 - beta1) * gradient;
    v[i] = beta2 * v[i]! + (1 - beta2) * gradient * gradient;
    theta[i]! -= (learningRate * (m[i]! / correction1)) / (Math.sqrt(v[i]! / correction2) + eps);
  }
}
