/** Samples of the quantised ops: codes that use every value, and scales of both signs. */
import type { Sample, SampleInput } from '../../core/op.ts';
import { sizeOf } from '../../core/shape.ts';
import { layoutOf, type QuantizedParams } from './panels.ts';

/** A sample with x of random values; the last axis of `rows` is x's width, or rows alone for `inFeatures`. */
export function samplePanels(
  params: QuantizedParams,
  rows: readonly number[],
  withBias: boolean,
): Sample<QuantizedParams> {
  const { dtype, outFeatures, inFeatures } = params;
  const { codeShape, codeType, scaleShape } = layoutOf(dtype);
  const codes = codeShape(outFeatures, inFeatures);
  const scales = scaleShape(outFeatures, inFeatures);
  const fill = (size: number, value: (i: number) => number): number[] =>
    Array.from({ length: size }, (_, i) => value(i));
  const code = (i: number): number => (dtype === 'int8' ? ((i * 37) % 255) - 127 : (i * 37) % 256);
  const inputs: readonly SampleInput[] = [
    rows,
    { shape: codes, values: fill(sizeOf(codes), code), dtype: codeType },
    { shape: scales, values: fill(sizeOf(scales), (i) => 0.001 * (1 + (i % 7)) * (i % 2 ? 1 : -1)) },
    withBias ? [outFeatures] : null,
  ];
  return { inputs, params };
}

/** A sample that asks for rows of a quantised table. */
export function sampleRows(
  params: QuantizedParams,
  ids: readonly number[],
): Sample<QuantizedParams & { readonly scale: number }> {
  const [, codes, scales] = samplePanels(params, [1, params.inFeatures], false).inputs;
  const rows = { shape: [ids.length, 1], values: ids, dtype: 'int32' } as const;
  return { inputs: [scales!, codes!, rows], params: { ...params, scale: 2.5 } };
}
