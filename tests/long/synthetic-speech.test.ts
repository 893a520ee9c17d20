/** Synthetic speech: how many symbols are skipped or said again, with each kind of attention (E18). */
import { expect, test } from 'vitest';
import { needDevice } from '../support/devices.ts';
import { faults, type SpeechAttention, trainSpeaker } from '../support/synthetic-speech.ts';

test('guided, location-aware and monotonic attention skip and repeat less than plain attention', (context) => {
  needDevice(context, 'native');
  const total = (kind: SpeechAttention): number =>
    [1, 2, 3].reduce((sum, seed) => {
      const { skipped, repeated } = faults(trainSpeaker(kind, 200, seed), 2);
      console.log(
        `${kind}, seed ${seed}: ${skipped.toFixed(3)} skipped, ${repeated.toFixed(3)} repeated of a symbol`,
      );
      return sum + skipped + repeated;
    }, 0) / 3;
  const plain = total('plain');
  for (const kind of ['guided', 'location', 'monotonic'] as const)
    expect(total(kind), kind).toBeLessThan(plain);
});
