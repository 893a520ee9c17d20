/** Grey images with drawn shapes: filled squares, discs and triangles of several sizes, on noise. */

import type { Random } from '../../src/core/random.ts';
import type { ImageObject } from '../../src/index.ts';

/** Side of the square images, in pixels. */
export const IMAGE = 24;
/** What is drawn; a place in this list is a class. */
export const shapeNames = ['square', 'disc', 'triangle'] as const;
const MOST = 3;
const [SMALLEST, LARGEST] = [6, 11];
const NOISE = 0.1;

/** Whether a point of the unit square lies in a shape. */
const inside: readonly ((across: number, down: number) => boolean)[] = [
  () => true,
  (across, down) => (across - 0.5) ** 2 + (down - 0.5) ** 2 <= 0.25,
  (across, down) => Math.abs(across - 0.5) <= down / 2,
];

/** An image, and what is in it. */
export interface Drawing {
  /** Row by row, `[IMAGE · IMAGE]`. */
  readonly pixels: Float64Array;
  readonly objects: readonly ImageObject[];
}

interface Square {
  readonly left: number;
  readonly top: number;
  readonly side: number;
}

/** Whether two squares keep a pixel between them. */
function areApart(a: Square, b: Square): boolean {
  const gap = (from: number, to: number): number => Math.abs(from - to);
  const between = (a.side + b.side) / 2 + 1;
  return (
    gap(a.left + a.side / 2, b.left + b.side / 2) >= between ||
    gap(a.top + a.side / 2, b.top + b.side / 2) >= between
  );
}

/** One to three shapes that do not touch. */
export function drawShapes(random: Random): Drawing {
  const pixels = Float64Array.from({ length: IMAGE * IMAGE }, () => NOISE * random.normal());
  const squares: Square[] = [];
  const objects: ImageObject[] = [];
  const wanted = 1 + random.integer(MOST);
  for (let tries = 0; tries < 10 * wanted && squares.length < wanted; tries++) {
    const side = SMALLEST + random.integer(LARGEST - SMALLEST + 1);
    const place = (): number => random.integer(IMAGE - side + 1);
    const square = { left: place(), top: place(), side };
    if (!squares.every((other) => areApart(square, other))) continue;
    squares.push(square);
    objects.push(paint(pixels, square, random));
  }
  return { pixels, objects };
}

function paint(pixels: Float64Array, { left, top, side }: Square, random: Random): ImageObject {
  const label = random.integer(shapeNames.length);
  const grey = 0.6 + 0.4 * random.uniform();
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const isInside = inside[label]!((column + 0.5) / side, (row + 0.5) / side);
      if (isInside) pixels[(top + row) * IMAGE + left + column]! += grey;
    }
  }
  const half = side / 2;
  return { label, box: [(left + half) / IMAGE, (top + half) / IMAGE, side / IMAGE, side / IMAGE] };
}
