/** Another shape for the same elements, without copying. */

import { formatShape, type Shape, sizeOf } from '../../core/shape.ts';
import { isRecording, record } from '../../core/tape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { ShapeError } from '../../errors.ts';

/**
 * The same elements under another shape; one axis may be -1 and is worked out.
 *
 * @throws {ShapeError} when the number of elements differs
 * @example
 * reshape(x, [batch, -1]);
 */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const result = x.view(resolve(x, shape));
  if (isRecording() && x.requiresGrad) {
    record(result, { op: 'reshape', inputs: [x], saved: [], backward: (grad) => [reshape(grad, x.shape)] });
  }
  result.depth = x.depth;
  return result;
}

function resolve(x: Tensor, shape: Shape): Shape {
  const unknown = shape.indexOf(-1);
  const known = sizeOf(shape.filter((n) => n !== -1));
  const full = unknown < 0 ? shape : shape.map((n) => (n === -1 ? x.size / known : n));
  const bad = full.some((n) => !Number.isInteger(n) || n < 0) || sizeOf(full) !== x.size;
  if (bad || shape.indexOf(-1, unknown + 1) > 0) {
    throw new ShapeError({
      where: 'reshape',
      expected: `a shape of ${x.size} elements for x of shape ${formatShape(x.shape)}`,
      got: formatShape(shape),
      hint: 'at most one axis may be -1',
    });
  }
  return full;
}
