/**
 * The loss of a detector: its answers are a set, so every object is first given to the query that says it best.
 *
 * `L = Σ_q w_q CE(class_q) / Σ_q w_q + (λ₁ Σ |box − object|₁ + λ₂ Σ (1 − GIoU)) / objects`, where queries without an
 * object are to say "nothing", with the smaller weight w.
 *
 * Paper: Carion et al. 2020, §3.1, https://arxiv.org/abs/2005.12872
 *
 * Shapes: B batch · Q queries · K classes · n objects of all images.
 */

import { scope } from '../../core/scope.ts';
import type { Shape } from '../../core/shape.ts';
import { noGrad } from '../../core/tape.ts';
import { type Tensor, tensor } from '../../core/tensor.ts';
import { ConfigError } from '../../errors.ts';
import type { ImageObject } from '../../metrics/average-precision.ts';
import { generalizedIou } from '../../metrics/boxes.ts';
import type { QueryAnswers } from '../../models/detector.ts';
import { crossEntropy } from '../../ops/cross-entropy/index.ts';
import { add, div, maximum, minimum, mul, sub } from '../../ops/elementwise/binary.ts';
import { scale } from '../../ops/elementwise/scale.ts';
import { abs, relu } from '../../ops/elementwise/unary.ts';
import { embedding } from '../../ops/embedding/index.ts';
import { sum } from '../../ops/reduce/sum.ts';
import { reshape } from '../../ops/shape/reshape.ts';
import { slice } from '../../ops/shape/slice.ts';
import { softmax } from '../../ops/softmax/index.ts';
import { minimumCostAssignment } from './assignment.ts';

/** Weights of the parts of the loss, and of the cost of a match. */
export interface DetectionWeights {
  /** Of the distance between a box and its object, λ₁. */
  readonly distance: number;
  /** Of 1 − GIoU, λ₂. */
  readonly overlap: number;
  /** Of the class of a query that is to say "nothing", where that of another is 1. */
  readonly nothing: number;
}

/** Those of the paper. */
export const detectionWeights: DetectionWeights = { distance: 5, overlap: 2, nothing: 0.1 };

type Images = readonly (readonly ImageObject[])[];

/**
 * The query of each object of each image: the matches that cost least, by `−p(class) + λ₁ |box − object|₁ − λ₂ GIoU`.
 *
 * @param images - what is in each image; boxes in shares of the image
 * @throws {ConfigError} when an image has more objects than there are queries, or a class that the model lacks
 */
export function matchQueries(
  { logits, boxes }: QueryAnswers,
  images: Images,
  weights: DetectionWeights = detectionWeights,
): number[][] {
  const [, queries, answers] = logits.shape as [number, number, number];
  checkImages(images, logits.shape);
  const probs = scope(() => Float64Array.from(noGrad(() => softmax(logits)).data));
  return images.map((objects, image) => {
    const costs = objects.map(({ label, box }) =>
      Array.from({ length: queries }, (_, query) => {
        const row = image * queries + query;
        const answer = [...boxes.data.subarray(4 * row, 4 * row + 4)] as [number, number, number, number];
        const distance = box.reduce((total, side, i) => total + Math.abs(side - answer[i]!), 0);
        const overlap = generalizedIou(box, answer);
        return weights.distance * distance - weights.overlap * overlap - probs[row * answers + label]!;
      }),
    );
    return minimumCostAssignment(costs);
  });
}

function checkImages(images: Images, shape: Shape): void {
  const [batch, queries, answers] = shape as [number, number, number];
  const fail = (where: string, expected: string, got: string): never => {
    throw new ConfigError({ where, expected, got, hint: 'build the detector for what the images hold' });
  };
  if (images.length !== batch) fail('matchQueries', `objects of ${batch} images`, `${images.length}`);
  images.forEach((objects, i) => {
    const where = `image ${i + 1} of ${batch}`;
    if (objects.length > queries) fail(where, `at most ${queries} objects (numQueries)`, `${objects.length}`);
    for (const { label } of objects) {
      const isKnown = Number.isInteger(label) && label >= 0 && label < answers - 1;
      if (!isKnown) fail(where, `classes 0 … ${answers - 2} (numClasses)`, `${label}`);
    }
  });
}

/**
 * The loss of a batch, a scalar.
 *
 * @param images - what is in each image; boxes in shares of the image
 * @throws {ConfigError} when an image has more objects than there are queries, or a class that the model lacks
 * @example
 * backward(detectionLoss(model.forward(images), [[{ label: 0, box: [0.5, 0.5, 0.2, 0.2] }]]));
 */
export function detectionLoss(
  answers: QueryAnswers,
  images: Images,
  weights: DetectionWeights = detectionWeights,
): Tensor {
  const queryOf = matchQueries(answers, images, weights);
  const queries = answers.logits.shape[1]!;
  const matched = images.flatMap((objects, image) =>
    objects.map((object, i) => ({ object, row: image * queries + queryOf[image]![i]! })),
  );
  const classes = classLoss(answers.logits, matched, weights.nothing);
  return matched.length === 0 ? classes : add(classes, boxLoss(answers.boxes, matched, weights));
}

/** An object, and the row of its query among those of all images. */
interface Match {
  readonly object: ImageObject;
  readonly row: number;
}

/** Weighted mean of the queries' cross-entropy. */
function classLoss(logits: Tensor, matched: readonly Match[], nothing: number): Tensor {
  const [batch, queries, answers] = logits.shape as [number, number, number];
  const { device } = logits;
  const labels = new Int32Array(batch * queries).fill(answers - 1);
  const weights = new Float64Array(batch * queries).fill(nothing);
  for (const { object, row } of matched) {
    labels[row] = object.label;
    weights[row] = 1;
  }
  const total = weights.reduce((a, b) => a + b, 0);
  const shares = tensor(
    weights.map((weight) => weight / total),
    [batch, queries],
    { device },
  );
  return sum(mul(crossEntropy(logits, tensor(labels, [batch, queries], { dtype: 'int32', device })), shares));
}

/** Mean over the objects of what their boxes miss. */
function boxLoss(boxes: Tensor, matched: readonly Match[], weights: DetectionWeights): Tensor {
  const { device } = boxes;
  const rows = tensor(
    Int32Array.from(matched, ({ row }) => row),
    [matched.length],
    { dtype: 'int32', device },
  );
  const answers = embedding(reshape(boxes, [-1, 4]), rows); // [n, 4]
  const wanted = tensor(
    matched.map(({ object }) => [...object.box]),
    [matched.length, 4],
    { device },
  );
  const distance = scale(sum(abs(sub(answers, wanted))), weights.distance);
  const missed = scale(
    sum(generalizedIous(answers, wanted)),
    -weights.overlap,
    weights.overlap * matched.length,
  );
  return scale(add(distance, missed), 1 / matched.length);
}

/** `generalizedIou` of the rows of two tensors of boxes `[n, 4]`, `[n, 1]`. */
export function generalizedIous(a: Tensor, b: Tensor): Tensor {
  const [across, down] = [0, 1].map((axis) => {
    const [firstA, lastA] = bounds(a, axis);
    const [firstB, lastB] = bounds(b, axis);
    return {
      shared: relu(sub(minimum(lastA, lastB), maximum(firstA, firstB))),
      hull: sub(maximum(lastA, lastB), minimum(firstA, firstB)),
    };
  }) as [Extents, Extents];
  const area = (boxes: Tensor): Tensor => mul(slice(boxes, 1, 2, 3), slice(boxes, 1, 3, 4));
  const shared = mul(across.shared, down.shared);
  const hull = mul(across.hull, down.hull);
  const either = sub(add(area(a), area(b)), shared);
  return sub(div(shared, either), div(sub(hull, either), hull));
}

interface Extents {
  readonly shared: Tensor;
  readonly hull: Tensor;
}

/** Where boxes begin and end on an axis, each `[n, 1]`. */
function bounds(boxes: Tensor, axis: number): [first: Tensor, last: Tensor] {
  const centre = slice(boxes, 1, axis, axis + 1);
  const half = scale(slice(boxes, 1, axis + 2, axis + 3), 0.5);
  return [sub(centre, half), add(centre, half)];
}
