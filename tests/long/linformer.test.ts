/** What Linformer can carry with k rows: every place of 32 has to say the letter at its mirror (inventory G1). */
import { expect, test } from 'vitest';
import { needDevice } from '../support/devices.ts';
import { learnTask, mirror } from '../support/encoder-tasks.ts';

test('quality grows with the number of rows, up to that of full attention (G1)', (context) => {
  needDevice(context, 'native');
  const setup = { length: 32, batch: 32, layers: 2, learningRate: 0.003, flops: 150e9 };
  const sweep = [2, 8, 32].map((rows) => {
    const { accuracy } = learnTask(mirror, { kind: 'linformer', rows, sharing: 'heads' }, setup, 'native');
    console.log(`${rows} rows: ${(100 * accuracy).toFixed(1)} %`);
    return accuracy;
  });
  const full = learnTask(mirror, 'multi-head', setup, 'native').accuracy;
  console.log(`by chance: ${(100 / 8).toFixed(1)} %`);
  console.log(`full attention: ${(100 * full).toFixed(1)} %`);
  expect(sweep[0]).toBeGreaterThan(1 / 8);
  expect(sweep[1]).toBeGreaterThan(sweep[0]! + 0.1);
  expect(sweep[2]).toBeGreaterThan(sweep[1]! + 0.1);
});
