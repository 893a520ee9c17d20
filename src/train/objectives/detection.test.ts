/** The loss of a detector: by its formula, in any order, and its gradient. */
import { describe, expect, it } from 'vitest';
import { expectGradients } from '../../../tests/support/finite-differences.ts';
import { Random } from '../../core/random.ts';
import { type Tensor, tensor } from '../../core/tensor.ts';
import type { ImageObject } from '../../metrics/average-precision.ts';
import { type Box, generalizedIou } from '../../metrics/boxes.ts';
import { detectionLoss, detectionWeights, generalizedIous, matchQueries } from './detection.ts';

const QUERIES = 4;
const CLASSES = 2;
const images: ImageObject[][] = [
  [
    { label: 0, box: [0.3, 0.4, 0.2, 0.3] },
    { label: 1, box: [0.7, 0.6, 0.4, 0.2] },
    { label: 1, box: [0.2, 0.8, 0.3, 0.3] },
  ],
  [],
];

function answers(seed: number): { logits: Tensor; boxes: Tensor } {
  const random = new Random(seed, 'answers');
  const rows = images.length * QUERIES;
  const of = (width: number, draw: () => number): Tensor =>
    tensor(Array.from({ length: rows * width }, draw), [images.length, QUERIES, width], {
      device: 'reference',
      requiresGrad: true,
    });
  return {
    logits: of(CLASSES + 1, () => random.normal()),
    boxes: of(4, () => 0.15 + 0.7 * random.uniform()),
  };
}

const boxAt = ({ data }: Tensor, row: number): Box =>
  Array.from(data.subarray(4 * row, 4 * row + 4)) as never;

describe('the loss of a detector (M14)', () => {
  const draws = Array.from({ length: 20 }, (_, draw) => 100 + draw);

  it.each(draws)('equals its formula with the matches, which cost least, draw %d', (draw) => {
    const given = answers(draw);
    const [queryOf, ofNothing] = matchQueries(given, images);
    expect(ofNothing).toEqual([]);
    const probs = (row: number): number[] => {
      const exps = Array.from(given.logits.data.subarray(3 * row, 3 * row + 3), Math.exp);
      return exps.map((value) => value / exps.reduce((a, b) => a + b));
    };
    const distance = (a: Box, b: Box): number => a.reduce((sum, side, i) => sum + Math.abs(side - b[i]!), 0);
    const cost = (queries: readonly number[]): number =>
      images[0]!.reduce((sum, { label, box }, i) => {
        const answer = boxAt(given.boxes, queries[i]!);
        const away = 5 * distance(box, answer) - 2 * generalizedIou(box, answer);
        return sum + away - probs(queries[i]!)[label]!;
      }, 0);
    const places = [...new Array(QUERIES).keys()];
    const all = places.flatMap((a) =>
      places.flatMap((b) => places.map((c) => [a, b, c]).filter((each) => new Set(each).size === 3)),
    );
    expect(cost(queryOf!)).toBeCloseTo(Math.min(...all.map(cost)), 10);

    let [classes, weights, boxes] = [0, 0, 0];
    for (let row = 0; row < images.length * QUERIES; row++) {
      const object = images[0]![queryOf!.indexOf(row)];
      const weight = object ? 1 : 0.1;
      classes -= weight * Math.log(probs(row)[object?.label ?? CLASSES]!);
      weights += weight;
      if (!object) continue;
      const answer = boxAt(given.boxes, row);
      boxes += 5 * distance(object.box, answer) + 2 * (1 - generalizedIou(object.box, answer));
    }
    expect(detectionLoss(given, images).item()).toBeCloseTo(classes / weights + boxes / 3, 10);
  });

  it('does not ask in which order the objects are listed', () => {
    const given = answers(2);
    const turned = images.map((objects) => objects.toReversed());
    expect(detectionLoss(given, turned).item()).toBeCloseTo(detectionLoss(given, images).item(), 12);
  });

  it('has the gradient of central differences', () => {
    const given = answers(3);
    expectGradients(() => detectionLoss(given, images), Object.entries(given));
    const none = images.map(() => []);
    expectGradients(() => detectionLoss(given, none), [['logits', given.logits]]);
  });

  it('compares boxes as numbers do', () => {
    const [a, b] = [answers(4), answers(5)].map(({ boxes }) => boxes.data);
    const [rows, options] = [images.length * QUERIES, { device: 'reference' }];
    const both = [a!, b!].map((values) => tensor(values, [rows, 4], options)) as [Tensor, Tensor];
    const each = Array.from({ length: rows }, (_, i) => generalizedIou(boxAt(both[0], i), boxAt(both[1], i)));
    each.forEach((value, i) => {
      expect(generalizedIous(...both).data[i]).toBeCloseTo(value, 12);
    });
  });

  it('refuses what the model cannot say', () => {
    const given = answers(6);
    const one = images[0]![0]!;
    const loss = (first: readonly ImageObject[]) => () => detectionLoss(given, [first, []], detectionWeights);
    expect(loss(new Array(5).fill(one))).toThrow(
      'image 1 of 2: expected at most 4 objects (numQueries), got 5; hint: build the detector for what the images hold',
    );
    expect(loss([{ ...one, label: 2 }])).toThrow('image 1 of 2: expected classes 0 … 1 (numClasses), got 2');
    expect(() => detectionLoss(given, [[]])).toThrow('matchQueries: expected objects of 2 images, got 1');
  });
});
