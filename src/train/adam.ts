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
    for (const slot of this.slots) {
      const { grad } = slot.parameter;
      if (grad) this.update(slot, grad, factors);
    }
  }

  private update(slot: Slot, grad: Tensor, factors: StepFactors): void {
    const { parameter, first, second, decays } = slot;
    const { beta1, beta2, eps, decoupled } = this.options;
    const weightDecay = decays ? this.options.weightDecay : 0;
    const { device } = parameter;
    if (!device.supports('adam')) {
      updateByLoop(slot, grad, { ...this.options, weightDecay }, factors);
      return;
    }
    device.launch({
      name: 'adam',
      tensors: [parameter.data, first.data, second.data, grad.data],
      ints: [Number(decoupled)],
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
      items: parameter.size,
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

function updateByLoop(slot: Slot, grad: Tensor, options: AdamOptions, factors: StepFactors): void {
  const { beta1, beta2, eps, weightDecay, decoupled } = options;
  const { learningRate, correction1, correction2, gradScale } = factors;
  const [theta, m, v, g] = [slot.parameter.data, slot.first.data, slot.second.data, grad.data];
  for (let i = 0; i < theta.length; i++) {
    let gradient = g[i]! * gradScale;
    if (decoupled) theta[i]! *= 1 - learningRate * weightDecay;
    else gradient += weightDecay * theta[i]!;
    m[i] = beta1 * m[i]! + (1 - beta1) * gradient;
    v[i] = beta2 * v[i]! + (1 - beta2) * gradient * gradient;
    theta[i]! -= (learningRate * (m[i]! / correction1)) / (Math.sqrt(v[i]! / correction2) + eps);
  }
}
