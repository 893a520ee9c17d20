/** Module oracles: inputs, parameters, outputs and gradients that PyTorch recorded in float64. */
import { readFileSync } from 'node:fs';
import { expect, type TestContext } from 'vitest';
import {
  isFloat,
  readSafetensors,
  reshape,
  type StoredTensor,
  type Tensor,
  tensor,
} from '../../src/index.ts';
import { dropMask, fromDropMask, type Mask } from '../../src/nn/attention/masks.ts';
import type { Module } from '../../src/nn/module.ts';
import { expectNear } from './numbers.ts';
import { needData, needJson } from './shared-data.ts';

/** What the index says of a case. */
export interface OracleCase {
  readonly class?: string;
  readonly args?: Readonly<Record<string, unknown>>;
  readonly [field: string]: unknown;
}

/** PyTorch's name of one of our parameters, and which third of the stacked tensor it is. */
export interface TorchName {
  readonly name: string;
  readonly third?: number;
}

/** Float64 devices must agree to this, float32 ones to 1e-5. */
const FLOAT64_TOLERANCE = 1e-9;

export class Oracle {
  readonly name: string;
  readonly info: OracleCase;
  readonly device: string;
  private readonly tensors: Map<string, StoredTensor>;

  constructor(context: TestContext, name: string, device: string) {
    const index = needJson(context, 'oracles/modules/index.json') as { cases: Record<string, OracleCase> };
    const path = needData(context, `oracles/modules/${name}.safetensors`);
    this.name = name;
    this.info = index.cases[name]!;
    this.tensors = readSafetensors(new Uint8Array(readFileSync(path)), path).tensors;
    this.device = device;
  }

  has(name: string): boolean {
    return this.tensors.has(name);
  }

  values(name: string): StoredTensor {
    const found = this.tensors.get(name);
    expect(found, `${name} in the oracle`).toBeDefined();
    return found!;
  }

  /** On the device of the test; floats of `in.` and `param.` require a gradient. */
  tensor(name: string): Tensor {
    const { shape, dtype, data } = this.values(name);
    const requiresGrad = isFloat(dtype) && !name.startsWith('gout.');
    return tensor(data, shape, { dtype, device: this.device, requiresGrad });
  }

  optional(name: string): Tensor | null {
    return this.has(name) ? this.tensor(name) : null;
  }

  /** Compares values with what was recorded. */
  expect(actual: { readonly data: ArrayLike<number> } | undefined, name: string): void {
    this.compare(actual, this.values(name), name);
  }

  private compare(
    actual: { readonly data: ArrayLike<number> } | undefined,
    recorded: StoredTensor,
    what: string,
  ): void {
    expect(actual, `${what} is there`).toBeDefined();
    expectNear(actual!.data, recorded.data, this.device === 'reference' ? FLOAT64_TOLERANCE : 1e-5, what);
  }

  /** A recorded parameter or gradient, or the third of it that is ours. */
  private stored(prefix: string, { name, third }: TorchName): StoredTensor {
    const whole = this.values(`${prefix}${name}`);
    return third === undefined ? whole : thirdOf(whole, third);
  }

  /** Copies the recorded parameters into a module. */
  load(module: Module, torchName: (path: string) => TorchName): void {
    for (const [path, { shape, data }] of module.namedParameters()) {
      const recorded = this.stored('param.', torchName(path));
      expect(recorded.shape, `shape of ${path}`).toEqual(shape);
      data.set(recorded.data);
    }
  }

  /** Compares the gradient of every parameter of a module. */
  expectParameterGradients(module: Module, torchName: (path: string) => TorchName): void {
    for (const [path, { grad }] of module.namedParameters()) {
      this.compare(grad, this.stored('gparam.', torchName(path)), `gradient of ${path}`);
    }
  }

  /** `[B, S]`, true = ignore, as our `[B, 1, 1, S]`. */
  paddingMask(name: string): Mask | null {
    if (!this.has(name)) return null;
    const { data, shape } = this.values(name);
    const like = tensor([0], [1], { device: this.device });
    return fromDropMask(dropMask(data, [shape[0]!, 1, 1, shape[1]!]), { device: like.device });
  }

  /** Floats `[T, S]` or `[B·H, T, S]` that are added to the scores, as our `[1, 1, T, S]` or `[B, H, T, S]`. */
  addedScores(name: string, numHeads: number): Tensor | null {
    const stored = this.has(name) ? this.values(name) : undefined;
    if (!stored || !isFloat(stored.dtype)) return null;
    const [queries, keys] = stored.shape.slice(-2) as [number, number];
    const isPerHead = stored.shape.length === 3;
    const outer = isPerHead ? [stored.shape[0]! / numHeads, numHeads] : [1, 1];
    return reshape(this.tensor(name), [...outer, queries, keys]);
  }

  /** Whether there is a causal mask `[T, T]`, true = may not attend; fails for any other mask. */
  isCausal(name: string): boolean {
    if (!this.has(name)) return false;
    const { data, shape } = this.values(name);
    const length = shape[0]!;
    data.forEach((hidden: number, i: number) => {
      expect(Boolean(hidden), `${name}[${i}]`).toBe(i % length > Math.floor(i / length));
    });
    return true;
  }
}

function thirdOf({ shape, dtype, data }: StoredTensor, third: number): StoredTensor {
  const size = data.length / 3;
  return {
    shape: [shape[0]! / 3, ...shape.slice(1)],
    dtype,
    data: data.slice(third * size, (third + 1) * size),
  };
}
