/** Boxes in images, and how well two of them agree. */

/** Centre, width and height; as shares of the image, or in pixels. */
export type Box = readonly [x: number, y: number, width: number, height: number];

/** The part of one axis that two extents share, and the shortest stretch that holds both. */
function alongAxis(a: Box, b: Box, axis: 0 | 1): readonly [shared: number, hull: number] {
  const [firstA, firstB] = [a[axis] - a[axis + 2]! / 2, b[axis] - b[axis + 2]! / 2];
  const [lastA, lastB] = [firstA + a[axis + 2]!, firstB + b[axis + 2]!];
  const shared = Math.min(lastA, lastB) - Math.max(firstA, firstB);
  return [Math.max(0, shared), Math.max(lastA, lastB) - Math.min(firstA, firstB)];
}

function areas(a: Box, b: Box): { shared: number; either: number; hull: number } {
  const [across, down] = [alongAxis(a, b, 0), alongAxis(a, b, 1)];
  const shared = across[0] * down[0];
  return { shared, either: a[2] * a[3] + b[2] * b[3] - shared, hull: across[1] * down[1] };
}

/**
 * `IoU = |A ∩ B| / |A ∪ B|`, 0 … 1; 0 for two boxes without area.
 *
 * @example
 * intersectionOverUnion([1, 1, 2, 2], [2, 1, 2, 2]); // 2 / 6
 */
export function intersectionOverUnion(a: Box, b: Box): number {
  const { shared, either } = areas(a, b);
  return either > 0 ? shared / either : 0;
}

/**
 * `GIoU = IoU − |H \ (A ∪ B)| / |H|` with H the smallest box around both, −1 … 1: it also says how far apart two boxes
 * are that do not meet.
 *
 * Paper: Rezatofighi et al., Generalized Intersection over Union, 2019, https://arxiv.org/abs/1902.09630
 *
 * @example
 * generalizedIou([1, 1, 2, 2], [5, 1, 2, 2]); // −4 / 12
 */
export function generalizedIou(a: Box, b: Box): number {
  const { shared, either, hull } = areas(a, b);
  const beyond = hull > 0 ? (hull - either) / hull : 0;
  return (either > 0 ? shared / either : 0) - beyond;
}
