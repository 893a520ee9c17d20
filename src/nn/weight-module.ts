/** What linear layers and token tables have in common: a matrix that rows are multiplied with. */
import { roundsProducts } from '../core/precision.ts';
import type { Tensor } from '../core/tensor.ts';
import { linear } from '../ops/linear/index.ts';
import type { QuantizedType } from '../ops/quantized-linear/panels.ts';
import { Module, type Parameter } from './module.ts';
import { QuantizedMatrix } from './quantized-matrix.ts';

/** A module around one weight `[out, in]`, which `quantize` can replace by codes. */
export abstract class WeightModule extends Module {
  abstract readonly weight: Parameter;
  /** What has taken the weight's place; see `quantize`. */
  quantized: QuantizedMatrix | null = null;

  /** Whether `multiply` rounds what it is given, so that it may be stored as bf16. */
  get roundsInput(): boolean {
    return !this.quantized && roundsProducts(this.weight.device);
  }

  /** `x Wᵀ + bias`: `[..., in]` to `[..., out]` */
  multiply(x: Tensor, bias: Tensor | null = null): Tensor {
    return this.quantized ? this.quantized.multiply(x, bias) : linear(x, this.weight, bias);
  }

  /** Not for users: see `quantize`. The weight keeps its shape and device, its numbers are gone. */
  quantize(dtype: QuantizedType): void {
    this.quantized = new QuantizedMatrix(this.weight, dtype);
    this.weight.requiresGrad = false;
    this.weight.dispose();
  }
}
