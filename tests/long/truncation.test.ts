/** What a model can learn of texts that are cut before it sees them, in training and in use (inventory L1). */
import { expect, test } from 'vitest';
import { needDevice } from '../support/devices.ts';
import { CHANCE_DEVIATION, LABEL_PLACES, labelRun } from '../support/labelled-texts.ts';

test.for([
  ['head', 'start', true],
  ['head', 'end', false],
  ['tail', 'start', false],
  ['tail', 'end', true],
  ['head-tail', 'start', true],
  ['head-tail', 'middle', false],
  ['head-tail', 'end', true],
] as const)('%s, label at the %s: learned %s (L1)', async ([policy, place, isSeen], context) => {
  needDevice(context, 'native');
  const shares: number[] = [];
  for (const seed of [1, 2, 3]) shares.push((await labelRun(policy, LABEL_PLACES[place], seed)).share);
  console.log(
    `${policy}, label at the ${place}: ${shares.map((s) => (100 * s).toFixed(1)).join(', ')} % right with seeds 1, 2, 3; by chance 25 %`,
  );
  if (isSeen) expect(Math.min(...shares)).toBeGreaterThan(0.95);
  // Chance is exactly a quarter, whatever is said: the label is independent of all letters that stay.
  else for (const share of shares) expect(Math.abs(share - 0.25)).toBeLessThan(4 * CHANCE_DEVIATION);
});
