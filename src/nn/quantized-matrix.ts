/** A weight whose numbers are codes of eight or four bits. */
import type { Shape } from '../core/shape.ts';
import { Tensor } from '../core/tensor.ts';
import { quantizedEmbedding, quantizedLinear } from '../ops/quantized-linear/index.ts';
import {
  layoutOf,
  type QuantizedParams,
  type QuantizedType,
  quantizeInto,
} from '../ops/quantized-linear/panels.ts';
import { Module } from './module.ts';

/**
 * Takes the place of a matrix `[out, in]` for inference: a quarter (`int8`) or a sixth (`int4`) of the bytes.
 *
 * Paper: Jacob et al., 2017, https://arxiv.org/abs/1712.05877
 */
export class QuantizedMatrix extends Module {
  /** Panels of 16 rows; see `src/ops/quantized-linear/panels.ts`. */
  readonly codes: Tensor;
  readonly scales: Tensor;
  private readonly params: QuantizedParams;

  /** @param matrix - `[out, in]`; it is only read */
  constructor(matrix: Tensor, dtype: QuantizedType) {
    super();
    const [outFeatures, inFeatures] = matrix.shape as [number, number];
    const { codeType, codeShape, scaleShape } = layoutOf(dtype);
    const { device } = matrix;
    this.params = { dtype, outFeatures, inFeatures };
    this.codes = Tensor.empty(codeShape(outFeatures, inFeatures), codeType, device).keep();
    this.scales = Tensor.empty(scaleShape(outFeatures, inFeatures), device.floatType, device).keep();
    const panels = { codes: this.codes.data, scales: this.scales.data };
    quantizeInto(panels, matrix.data, { rows: outFeatures, columns: inFeatures }, dtype);
  }

  get dtype(): QuantizedType {
    return this.params.dtype;
  }

  /** Of the matrix that it stands for. */
  get shape(): Shape {
    return [this.params.outFeatures, this.params.inFeatures];
  }

  override buffers(): readonly (readonly [string, Tensor])[] {
    return [
      ['codes', this.codes],
      ['scales', this.scales],
    ];
  }

  /** `x Wᵀ + bias`: `[..., in]` to `[..., out]` */
  multiply(x: Tensor, bias: Tensor | null = null): Tensor {
    return quantizedLinear(x, this.codes, this.scales, bias, this.params);
  }

  /** `scale · W[id]` for each of the int32 ids. */
  rows(ids: Tensor, scale: number): Tensor {
    return quantizedEmbedding(this.codes, this.scales, ids, { ...this.params, scale });
  }
}
