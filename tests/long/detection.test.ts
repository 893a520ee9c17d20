/** Drawn shapes are found, by the places of the patches on the grid (inventory M14, D13). */
import { expect, test } from 'vitest';
import {
  Adam,
  averagePrecision,
  backward,
  clipFactor,
  Detector,
  type DetectorConfig,
  detectionLoss,
  gradientNorm,
  noGrad,
  Random,
  scope,
  type Tensor,
  tensor,
} from '../../src/index.ts';
import { needDevice } from '../support/devices.ts';
import { type Drawing, drawShapes, IMAGE, shapeNames } from '../support/drawn-shapes.ts';

const STEPS = 6000;
const BATCH = 32;
const WARMUP = 200;
const RATE = 1e-3;
const CLIP = 1;
const UNSEEN = 500;

const drawings = (count: number, random: Random): Drawing[] =>
  Array.from({ length: count }, () => drawShapes(random));

function pixelsOf(batch: readonly Drawing[]): Tensor {
  const values = Float64Array.from(batch.flatMap(({ pixels }) => Array.from(pixels)));
  return tensor(values, [batch.length, IMAGE, IMAGE, 1], { device: 'native' });
}

function trained(position: DetectorConfig['position'], seed: number): Detector {
  const size = { height: IMAGE, width: IMAGE, numClasses: shapeNames.length, numQueries: 6 };
  const model = new Detector({ ...size, position }, { random: new Random(seed, 'init'), device: 'native' });
  const adam = new Adam(model.namedParameters());
  const random = new Random(seed, 'drawings');
  for (let step = 1; step <= STEPS; step++) {
    scope(() => {
      const batch = drawings(BATCH, random);
      backward(
        detectionLoss(
          model.forward(pixelsOf(batch)),
          batch.map(({ objects }) => objects),
        ),
      );
    });
    const rate = RATE * Math.min(step / WARMUP, (STEPS - step) / (STEPS / 2), 1);
    adam.step(rate, clipFactor(gradientNorm(model.parameters()), CLIP));
    model.zeroGrad();
  }
  return model.eval();
}

test('shapes are found, and not without places (D13, M14)', (context) => {
  needDevice(context, 'native');
  const unseen = drawings(UNSEEN, new Random(99, 'unseen'));
  const there = unseen.map(({ objects }) => objects);
  const apOf = (position: DetectorConfig['position']): number => {
    const model = trained(position, 1);
    const found = scope(() => noGrad(() => model.detect(pixelsOf(unseen))));
    const { ap, ap50, ap75 } = averagePrecision(found, there);
    const said = [ap, ap50, ap75].map((value) => value.toFixed(1));
    console.log(`${JSON.stringify(position)}: AP ${said[0]}, at IoU 0.5 ${said[1]}, at 0.75 ${said[2]}`);
    return ap50;
  };
  const [grid, none] = [apOf('grid'), apOf('none')];
  expect(grid).toBeGreaterThan(80);
  expect(none).toBeLessThan(20);
});
