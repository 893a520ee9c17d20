/**
 * Average precision of detections, as COCO counts it.
 *
 * Detections of a class take, the surest first, the free object of that class in their image with which they agree
 * most, if IoU is at least a threshold. Precision at a recall r is the best at any recall of at least r; its mean over
 * r = 0, 0.01, …, 1 is the average precision of that class and threshold.
 *
 * Paper: Lin et al., Microsoft COCO: Common Objects in Context, 2014, https://arxiv.org/abs/1405.0312
 */
import { ConfigError } from '../errors.ts';
import { type Box, intersectionOverUnion } from './boxes.ts';
import { meanOf } from './intervals.ts';

/** Something in an image. */
export interface ImageObject {
  /** Class, from 0. */
  readonly label: number;
  readonly box: Box;
}

/** Something that was found in an image. */
export interface Detection extends ImageObject {
  /** Higher is surer. */
  readonly score: number;
}

/** Average precision in percent: means over the classes that occur. */
export interface AveragePrecision {
  /** Mean over the thresholds 0.5, 0.55, …, 0.95 of IoU. */
  readonly ap: number;
  /** At IoU 0.5, and at 0.75. */
  readonly ap50: number;
  readonly ap75: number;
}

/** 0.5, 0.55, …, 0.95 */
const thresholds = Array.from({ length: 10 }, (_, i) => (50 + 5 * i) / 100);
const recallSteps = 100;

type PerImage<T> = readonly (readonly T[])[];

/** Whether each detection of an image, surest first, found an object. */
function hits(found: readonly Detection[], objects: readonly ImageObject[], threshold: number): boolean[] {
  const free = new Set(objects);
  return found.map(({ box }) => {
    let best: ImageObject | undefined;
    let most = threshold;
    for (const object of free) {
      const agreement = intersectionOverUnion(box, object.box);
      if (agreement >= most) [best, most] = [object, agreement];
    }
    return best !== undefined && free.delete(best);
  });
}

/** Mean precision over the steps of recall, 0 … 1, of detections in order of their scores. */
function meanPrecision(isHit: readonly boolean[], objects: number): number {
  let right = 0;
  const precision = isHit.map((hit, i) => {
    right += Number(hit);
    return right / (i + 1);
  });
  for (let i = precision.length - 2; i >= 0; i--) {
    precision[i] = Math.max(precision[i]!, precision[i + 1]!);
  }
  const placeOfHit = [...isHit.keys()].filter((i) => isHit[i]);
  let [total, hit] = [0, 0];
  for (let step = 0; step <= recallSteps; step++) {
    while (hit < placeOfHit.length && (hit + 1) / objects < step * 0.01) hit++; // rounded as COCO's program rounds
    total += hit < placeOfHit.length ? precision[placeOfHit[hit]!]! : 0;
  }
  return total / (recallSteps + 1);
}

/** Average precision of one class at one threshold, 0 … 1. */
function classPrecision(
  found: PerImage<Detection>,
  objects: PerImage<ImageObject>,
  threshold: number,
): number {
  const judged = found.flatMap((own, image) => {
    const sorted = own.toSorted((a, b) => b.score - a.score);
    return hits(sorted, objects[image]!, threshold).map((hit, i) => ({ hit, score: sorted[i]!.score }));
  });
  const inOrder = judged.toSorted((a, b) => b.score - a.score).map(({ hit }) => hit);
  return meanPrecision(
    inOrder,
    objects.reduce((sum, { length }) => sum + length, 0),
  );
}

/**
 * Average precision of what was found in a set of images.
 *
 * @param found - for each image, what was found in it
 * @param objects - for each image, what is in it
 * @throws {ConfigError} when there are not as many images on both sides, or nothing is to be found
 * @example
 * const there = [[{ label: 0, box: [0.5, 0.5, 0.2, 0.2] }]];
 * averagePrecision([[{ label: 0, box: [0.5, 0.5, 0.2, 0.2], score: 0.9 }]], there).ap; // 100
 */
export function averagePrecision(
  found: PerImage<Detection>,
  objects: PerImage<ImageObject>,
): AveragePrecision {
  const labels = [...new Set(objects.flat().map(({ label }) => label))];
  if (found.length !== objects.length || labels.length === 0) {
    throw new ConfigError({
      where: 'averagePrecision',
      expected: 'what was found and what is there for the same images, with at least one object',
      got: `${found.length} and ${objects.length} images with ${objects.flat().length} objects`,
    });
  }
  const ofClass = <T extends ImageObject>(images: PerImage<T>, label: number): T[][] =>
    images.map((own) => own.filter((object) => object.label === label));
  const byClass = labels.map((label) => [ofClass(found, label), ofClass(objects, label)] as const);
  const at = thresholds.map(
    (threshold) => 100 * meanOf(byClass.map(([own, there]) => classPrecision(own, there, threshold))),
  );
  return { ap: meanOf(at), ap50: at[thresholds.indexOf(0.5)]!, ap75: at[thresholds.indexOf(0.75)]! };
}
