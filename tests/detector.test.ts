/** The detection Transformer: what its patches and queries see, and what it refuses. */
import { describe, expect, it } from 'vitest';
import { add, Detector, type DetectorConfig, gridTable, noGrad, square, sum, tensor } from '../src/index.ts';
import { detectorQueriesAreASet, smallDetector } from './support/checks/detection.ts';
import { itOnEachDevice, roundingOf } from './support/devices.ts';
import { expectGradients } from './support/finite-differences.ts';

describe('the detection Transformer (M14)', () => {
  itOnEachDevice('sees each patch with its row and its column (D13)', (device) => {
    const [height, width, channels, patchSize, dModel] = [6, 8, 2, 2, 8];
    const model = smallDetector({ height, width, channels, patchSize, dModel }, device);
    const [rows, columns] = [height / patchSize, width / patchSize];
    // The weights pick the pixel at (1, 0) of a patch, channel 1, as the first number of its vector.
    const { weight } = model.patches;
    weight.data.fill(0);
    weight.data[(1 * patchSize + 0) * channels + 1] = 1;
    const pixel = (row: number, column: number, channel: number): number => 100 * row + 10 * column + channel;
    const values = Array.from({ length: height * width * channels }, (_, i) =>
      pixel(Math.floor(i / channels / width), Math.floor(i / channels) % width, i % channels),
    );
    let seen: number[] = [];
    const { encoder } = model;
    const whole = encoder.forward.bind(encoder);
    encoder.forward = (x, ...others) => {
      seen = Array.from(x.data);
      return whole(x, ...others);
    };
    noGrad(() => model.forward(tensor(values, [1, height, width, channels], { device })));
    const table = gridTable(rows, columns, dModel);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const at = (row * columns + column) * dModel;
        const expected = pixel(row * patchSize + 1, column * patchSize, 1) + table[at]!;
        expect(Math.abs(seen[at]! - expected)).toBeLessThan(1000 * roundingOf(device));
      }
    }
  });

  it('asks its queries in no order', detectorQueriesAreASet);

  it('has the gradient of central differences', () => {
    const model = smallDetector();
    const images = tensor(
      Array.from({ length: 2 * 6 * 8 }, (_, i) => Math.sin(i)),
      [2, 6, 8, 1],
      { device: 'reference', requiresGrad: true },
    );
    expectGradients(() => {
      const { logits, boxes } = model.forward(images);
      return add(sum(square(logits)), sum(square(boxes)));
    }, [
      ['images', images],
      ['queries', model.queries],
      ['patches', model.patches.weight],
    ]);
  });

  it('says for each query its likeliest class and box', () => {
    const model = smallDetector();
    const images = tensor(new Array(48).fill(0.3), [1, 6, 8, 1], { device: 'reference' });
    const { logits, boxes } = noGrad(() => model.forward(images));
    const [found] = model.detect(images);
    expect(found).toHaveLength(model.config.numQueries);
    found!.forEach(({ label, score, box }, query) => {
      const own = Array.from(logits.data.subarray(4 * query, 4 * query + 4), Math.exp);
      const best = Math.max(...own.slice(0, 3));
      expect(label).toBe(own.indexOf(best));
      expect(score).toBeCloseTo(best / own.reduce((a, b) => a + b), 12);
      expect(box).toEqual(Array.from(boxes.data.subarray(4 * query, 4 * query + 4)));
    });
  });

  it('refuses sizes that do not fit', () => {
    const sizes = { height: 24, width: 24, numClasses: 3 };
    const refused = (config: Partial<DetectorConfig>) => () => new Detector({ ...sizes, ...config });
    expect(refused({ height: 22, width: 10 })).toThrow(
      'Detector: height: expected a multiple of patchSize (4), got 22; width: expected a multiple of patchSize (4), got 10',
    );
    expect(refused({ numQueries: 0, dropout: 1 })).toThrow(
      'numQueries: expected a whole number of at least 1, got 0; dropout: expected a rate of at least 0 and below 1, got 1',
    );
    expect(refused({ dModel: 62 })).toThrow('numHeads: expected a divisor of dModel (62), got 4');
    expect(refused({ dModel: 6, numHeads: 2 })).toThrow(
      'position: grid: rows and columns need sines and cosines',
    );
    expect(refused({ position: 'structural' })).toThrow('position: expected a kind that needs no trees');
    const images = tensor(new Array(48).fill(0), [1, 6, 8, 1]);
    expect(() => new Detector(sizes).forward(images)).toThrow(
      'Detector: expected images [B, 24, 24, 1] (height, width, channels), got [1, 6, 8, 1]',
    );
  });
});
