/** Rows of a table by id, and the scatter of gradients back into the rows that were used. */
import { defineOp, expectType, type Op } from '../../core/op.ts';
import { formatShape, sizeOf } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { ShapeError } from '../../errors.ts';

interface EmbeddingParams {
  /** Factor on every row; √dModel in the paper's Transformer. */
  readonly scale: number;
  /** Row that gets no gradient, or -1. */
  readonly paddingId: number;
}

interface GradientParams extends EmbeddingParams {
  readonly vocabSize: number;
}

const ids = { shape: [2, 4], values: [3, 0, 3, 1, 2, 2, 4, 0], dtype: 'int32' } as const;

const embeddingOp: Op<readonly [table: Tensor, ids: Tensor], EmbeddingParams> = defineOp<
  readonly [table: Tensor, ids: Tensor],
  EmbeddingParams
>({
  name: 'embedding',
  samples: [
    { inputs: [[5, 8], ids], params: { scale: 1, paddingId: -1 } },
    { inputs: [[5, 33], ids], params: { scale: 5.5, paddingId: -1 } },
  ],
  shape: ([table, places]) => {
    if (table.length !== 2) {
      throw new ShapeError({ where: 'embedding', expected: 'a table [V, C]', got: formatShape(table) });
    }
    return [...places, table[1]!];
  },
  compute: ({ inputs: [table, places], output, params: { scale } }) => {
    const width = table.shape[1]!;
    for (let t = 0; t < places.size; t++) {
      const row = places.data[t]! * width;
      for (let c = 0; c < width; c++) output.data[t * width + c] = table.data[row + c]! * scale;
    }
  },
  backward: ({ inputs: [table, places], grad, params }) => [
    gradientOp(grad, places, { ...params, vocabSize: table.shape[0]! }),
    null,
  ],
  kernel: {
    names: ['embedding'],
    forward: ({ inputs: [table, places], output, params: { scale, paddingId } }) => ({
      name: 'embedding',
      tensors: [output.data, table.data, places.data],
      ints: [table.shape[0]!, table.shape[1]!, paddingId],
      floats: [scale],
      items: places.size,
      workPerItem: table.shape[1]!,
    }),
  },
});

const gradientOp: Op<readonly [grad: Tensor, ids: Tensor], GradientParams> = defineOp<
  readonly [grad: Tensor, ids: Tensor],
  GradientParams
>({
  name: 'embeddingGradient',
  samples: [
    { inputs: [[2, 4, 8], ids], params: { scale: 1, paddingId: -1, vocabSize: 5 } },
    { inputs: [[2, 4, 33], ids], params: { scale: 2, paddingId: -1, vocabSize: 6 }, note: 'an unused row' },
  ],
  shape: ([grad], { vocabSize }) => [vocabSize, grad.at(-1)!],
  flops: ([grad]) => sizeOf(grad),
  compute: ({ inputs: [grad, places], output, params: { scale, paddingId } }) => {
    const width = output.shape[1]!;
    output.data.fill(0);
    for (let t = 0; t < places.size; t++) {
      const id = places.data[t]!;
      if (id === paddingId) continue;
      for (let c = 0; c < width; c++) output.data[id * width + c]! += grad.data[t * width + c]! * scale;
    }
  },
  backward: ({ inputs: [, places], grad, params: { scale } }) => [
    embeddingOp(grad, places, { scale, paddingId: -1 }),
    null,
  ],
  kernel: {
    names: ['embedding_backward'],
    forward: ({ inputs: [grad, places], output, params: { scale, paddingId } }) => ({
      name: 'embedding_backward',
      tensors: [output.data, grad.data, places.data],
      ints: [places.size, output.shape[0]!, output.shape[1]!, paddingId, 0],
      floats: [scale],
      items: 1,
    }),
  },
});

/**
 * `scale · table[id]` for each id. The row `paddingId` gets no gradient, so that it stays as it was made.
 *
 * @param table - `[V, C]`
 * @param ids - int32, any shape, from 0 to V−1
 * @returns the shape of `ids` with C after it
 * @throws {ShapeError} when the table has not two axes, or an id is outside it
 * @throws {DTypeError} when `ids` is not int32
 */
export function embedding(table: Tensor, ids: Tensor, options: Partial<EmbeddingParams> = {}): Tensor {
  expectType('embedding', 'ids', ids, 'int32');
  checkIds(ids, table.shape[0] ?? 0);
  return embeddingOp(table, ids, { scale: options.scale ?? 1, paddingId: options.paddingId ?? -1 });
}

/** @throws {ShapeError} when an id is not from 0 to vocabSize − 1 */
export function checkIds(ids: Tensor, vocabSize: number): void {
  const bad = ids.data.findIndex((id) => id < 0 || id >= vocabSize);
  if (bad >= 0) {
    throw new ShapeError({
      where: 'embedding',
      expected: `ids from 0 to ${vocabSize - 1}`,
      got: `${ids.data[bad]} at place ${bad} of ids of shape ${formatShape(ids.shape)}`,
      hint: 'the tokenizer and the model must have the same vocabulary (or the text is longer than the position table)',
    });
  }
}
