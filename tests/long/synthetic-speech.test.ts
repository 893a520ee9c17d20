/** Synthetic speech: how many symbols are skipped or said again, with each kind of attention (E18). */
import { expect, test } from 'vitest';
import { needDevice } from '../support/devices.ts';
import { faults, type SpeechAttention, trainSpeaker } from '../support/synthetic-speech.ts';

test('guided, location-aware and monotonic attention skip and repeat less than plain attention (E18)', (context) => {
  needDevice(context, 'native');
  const measured = (kind: SpeechAttention) => {
    const found = [1, 2, 3].map((seed) => faults(trainSpeaker(kind, 200, seed), 2));
    const mean = (part: 'skipped' | 'repeated'): number =>
      found.reduce((sum, each) => sum + each[part], 0) / 3;
    const [skipped, repeated] = [mean('skipped'), mean('repeated')];
    console.log(`${kind}: ${skipped.toFixed(3)} skipped, ${repeated.toFixed(3)} repeated for each symbol`);
    return { repeated, total: skipped + repeated };
  };
  const plain = measured('plain');
  const [guided, location, monotonic] = (['guided', 'location', 'monotonic'] as const).map(measured);
  for (const { total } of [guided!, location!, monotonic!]) expect(total).toBeLessThan(plain.total);
  expect(monotonic!.repeated).toBe(0);
});
