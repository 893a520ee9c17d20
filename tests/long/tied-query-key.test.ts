/** Queries and keys of one projection on a directed and on a symmetric task, with as many parameters (inventory Q19). */
import { expect, test } from 'vitest';
import { needDevice } from '../support/devices.ts';
import { learnTask, mirror, next } from '../support/encoder-tasks.ts';

const WIDTH = 32;
const SEEDS = [1, 2, 3, 4, 5];
/** A second projection and its bias have as many parameters as so many more inner vectors of the feed-forward network. */
const arms = {
  apart: { choice: { kind: 'multi-head' }, config: {} },
  tied: { choice: { kind: 'multi-head', tieQueryKey: true }, config: { dFf: 2 * WIDTH + WIDTH / 2 } },
} as const;

test.for([
  ['directed', next],
  ['symmetric', mirror],
] as const)('queries and keys apart learn the %s task better (E9, Q19)', ([name, task], context) => {
  needDevice(context, 'native');
  const [apart, tied] = Object.entries(arms).map(([arm, { choice, config }]) => {
    const accuracies = SEEDS.map((seed) => {
      const setup = { length: 16, batch: 32, layers: 2, learningRate: 0.003, flops: 20e9, seed, config };
      return learnTask(task, choice, setup, 'native').accuracy;
    });
    const figures = accuracies.map((share) => (100 * share).toFixed(1)).join(', ');
    console.log(
      `${name} ${arm}, seeds ${SEEDS.join(', ')}: ${figures} %; by chance ${(100 / 8).toFixed(1)} %`,
    );
    return accuracies;
  });
  expect(Math.min(...apart!)).toBeGreaterThan(0.99);
  // Not because of symmetry alone: the symmetric task suffers too.
  expect(Math.max(...tied!)).toBeLessThan(0.98);
});
