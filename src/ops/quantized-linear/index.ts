/** The linear layer and the embedding whose weights are quantised. */
import { defineOp, expectType } from '../../core/op.ts';
import { formatShape, sameShape, sizeOf } from '../../core/shape.ts';
import { isRecording, record } from '../../core/tape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { ShapeError, TrainingError } from '../../errors.ts';
import { checkIds } from '../embedding/index.ts';
import { dequantizeRow, GROUP, layoutOf, type QuantizedParams } from './panels.ts';
import { samplePanels, sampleRows } from './samples.ts';

type LinearInputs = readonly [x: Tensor, codes: Tensor, scales: Tensor, bias: Tensor | null];

function checkPanels(
  where: string,
  codes: readonly number[],
  scales: readonly number[],
  { dtype, outFeatures, inFeatures }: QuantizedParams,
): void {
  const { codeShape, scaleShape } = layoutOf(dtype);
  const wanted = { codes: codeShape(outFeatures, inFeatures), scales: scaleShape(outFeatures, inFeatures) };
  for (const [name, shape] of Object.entries({ codes, scales }) as ['codes' | 'scales', number[]][]) {
    if (sameShape(shape, wanted[name])) continue;
    throw new ShapeError({
      where,
      expected: `${name} ${formatShape(wanted[name])} for ${dtype} weights [${outFeatures}, ${inFeatures}]`,
      got: formatShape(shape),
    });
  }
}

/** Rounds groups of 32 activations to multiples of max |x| / 127, as the kernel does. */
function roundActivations(row: Float64Array): void {
  for (let from = 0; from < row.length; from += GROUP) {
    const group = row.subarray(from, from + GROUP);
    const most = group.reduce((m, value) => Math.max(m, Math.abs(value)), 0);
    if (most === 0) continue;
    for (let i = 0; i < group.length; i++) group[i] = (Math.round(group[i]! * (127 / most)) * most) / 127;
  }
}

const linearOp = defineOp<LinearInputs, QuantizedParams>({
  name: 'quantizedLinear',
  samples: (['int8', 'int4'] as const).flatMap((dtype) => [
    samplePanels({ dtype, outFeatures: 16, inFeatures: 32 }, [1, 32], true),
    samplePanels({ dtype, outFeatures: 35, inFeatures: 96 }, [2, 7, 96], false),
    samplePanels(
      { dtype, outFeatures: 1, inFeatures: dtype === 'int8' ? 5 : 64 },
      dtype === 'int8' ? [3, 5] : [3, 64],
      true,
    ),
    samplePanels({ dtype, outFeatures: 17, inFeatures: 32 }, [0, 32], true),
  ]),
  differentiable: false,
  shape: ([x, codes, scales, bias], params) => {
    const { outFeatures, inFeatures } = params;
    if (x.at(-1) !== inFeatures) {
      throw new ShapeError({
        where: 'quantizedLinear',
        expected: `x [..., ${inFeatures}]`,
        got: formatShape(x),
      });
    }
    checkPanels('quantizedLinear', codes, scales, params);
    if (bias && !sameShape(bias, [outFeatures])) {
      throw new ShapeError({
        where: 'quantizedLinear',
        expected: `bias [${outFeatures}]`,
        got: formatShape(bias),
      });
    }
    return [...x.slice(0, -1), outFeatures];
  },
  flops: ([x], { outFeatures }) => 2 * sizeOf(x) * outFeatures,
  compute: ({ inputs: [x, codes, scales, bias], output, params }) => {
    const { dtype, outFeatures: n, inFeatures: k } = params;
    const rows = Float64Array.from(x.data);
    for (let i = 0; i < rows.length; i += k) roundActivations(rows.subarray(i, i + k));
    const weights = new Float64Array(k);
    for (let j = 0; j < n; j++) {
      dequantizeRow({ codes: codes.data, scales: scales.data }, j, { columns: k, dtype }, weights);
      for (let i = 0; i < rows.length / k; i++) {
        let total = bias ? bias.data[j]! : 0;
        for (let c = 0; c < k; c++) total += rows[i * k + c]! * weights[c]!;
        output.data[i * n + j] = total;
      }
    }
  },
  kernel: {
    names: ['quantized_linear'],
    forward: ({ inputs: [x, codes, scales, bias], output, params: { dtype, outFeatures, inFeatures } }) => ({
      name: 'quantized_linear',
      tensors: [output.data, codes.data, scales.data, x.data, bias?.data ?? null],
      ints: [x.size / inFeatures, outFeatures, inFeatures, dtype === 'int8' ? 8 : 4],
      floats: [],
      items: 1,
    }),
  },
});

const embeddingOp = defineOp<
  readonly [scales: Tensor, codes: Tensor, ids: Tensor],
  QuantizedParams & { readonly scale: number }
>({
  name: 'quantizedEmbedding',
  samples: [
    sampleRows({ dtype: 'int8', outFeatures: 20, inFeatures: 64 }, [0, 19, 16, 3]),
    sampleRows({ dtype: 'int4', outFeatures: 20, inFeatures: 64 }, [0, 19, 16, 3]),
    sampleRows({ dtype: 'int8', outFeatures: 33, inFeatures: 45 }, [32, 15, 32, 16, 7]),
    sampleRows({ dtype: 'int8', outFeatures: 1, inFeatures: 3 }, [0]),
    sampleRows({ dtype: 'int4', outFeatures: 16, inFeatures: 32 }, []),
  ],
  differentiable: false,
  shape: ([scales, codes, ids], params) => {
    checkPanels('quantizedEmbedding', codes, scales, params);
    return [...ids, params.inFeatures];
  },
  compute: ({ inputs: [scales, codes, ids], output, params: { dtype, inFeatures, scale } }) => {
    const panels = { codes: codes.data, scales: scales.data };
    const how = { columns: inFeatures, dtype, factor: scale };
    for (let t = 0; t < ids.size; t++) {
      dequantizeRow(panels, ids.data[t]!, how, output.data, t * inFeatures);
    }
  },
  kernel: {
    names: ['quantized_embedding'],
    forward: ({ inputs: [scales, codes, ids], output, params: { dtype, inFeatures, scale } }) => ({
      name: 'quantized_embedding',
      tensors: [output.data, codes.data, scales.data, ids.data],
      ints: [inFeatures, dtype === 'int8' ? 8 : 4],
      floats: [scale],
      items: ids.size,
      workPerItem: inFeatures,
    }),
  },
});

/** Lets the forward pass be, and says at `backward` why there is no gradient. */
function withoutGradient(op: string, output: Tensor, inputs: readonly (Tensor | null)[]): Tensor {
  if (!isRecording() || !inputs.some((input) => input?.requiresGrad)) return output;
  record(output, {
    op,
    inputs,
    saved: [],
    backward: () => {
      throw new TrainingError({
        where: op,
        problem: 'quantised weights have no gradient',
        hint: 'train the model first, then quantise it',
        code: 'E_QUANTIZED',
      });
    },
  });
  return output;
}

/**
 * `x Wᵀ + b` with W from codes and scales. The activations are rounded too, each group of 32 to multiples of its
 * largest one over 127, so that the sums are sums of integers.
 *
 * @param x - `[..., in]`
 * @param codes - panels as `quantizeInto` makes them
 * @param scales - of rows (`int8`), or of rows and groups (`int4`)
 * @param bias - `[out]`, or null
 * @returns `[..., out]`; `backward` through it throws a TrainingError
 * @throws {ShapeError} when the sizes do not fit
 */
export function quantizedLinear(
  x: Tensor,
  codes: Tensor,
  scales: Tensor,
  bias: Tensor | null,
  params: QuantizedParams,
): Tensor {
  return withoutGradient('quantizedLinear', linearOp(x, codes, scales, bias, params), [x, bias]);
}

/**
 * `scale · W[id]` for each id, with W from codes and scales.
 *
 * @param ids - int32, any shape
 * @returns the shape of `ids` with `inFeatures` after it
 * @throws {ShapeError} when an id is outside the table
 */
export function quantizedEmbedding(
  codes: Tensor,
  scales: Tensor,
  ids: Tensor,
  params: QuantizedParams & { readonly scale: number },
): Tensor {
  expectType('quantizedEmbedding', 'ids', ids, 'int32');
  checkIds(ids, params.outFeatures);
  return embeddingOp(scales, codes, ids, params);
}
