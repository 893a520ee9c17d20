/**
 * Synthetic speech: how many symbols are skipped or said again, with each kind of attention (E18). Texts are twice as
 * long as those of training, which is where attention of speech synthesis gets lost.
 */
import { expect, test } from 'vitest';
import { needDevice } from '../support/devices.ts';
import { type Faults, faults, type SpeechAttention, trainSpeaker } from '../support/synthetic-speech.ts';

const STEPS = 400;

const shown = ({ skipped, repeated }: Faults): string =>
  `${skipped.toFixed(3)} skipped, ${repeated.toFixed(3)} repeated`;

test.for([1, 2, 3])(
  'guided, location-aware and monotonic attention skip less and repeat less than plain attention (E18), seed %i',
  (seed, context) => {
    needDevice(context, 'native');
    const measured = (kind: SpeechAttention, name: string, steps: number) => {
      const speaker = trainSpeaker(kind, steps, seed);
      const [known, longer] = [faults(speaker, 1), faults(speaker, 2)];
      console.log(`${name}, seed ${seed}, for each symbol: ${shown(longer)}; as trained: ${shown(known)}`);
      return { known, longer };
    };
    const drawn = measured('plain', 'untrained', 0);
    const plain = measured('plain', 'plain', STEPS);
    for (const kind of ['guided', 'location', 'monotonic'] as const) {
      const { known, longer } = measured(kind, kind, STEPS);
      expect(longer.skipped, `${kind}: skipped`).toBeLessThan(plain.longer.skipped);
      expect(longer.repeated, `${kind}: repeated`).toBeLessThan(plain.longer.repeated);
      if (kind === 'monotonic') expect(longer.repeated).toBe(0);
      expect(known.skipped, `${kind}: learned`).toBeLessThan(0.2 * drawn.known.skipped);
    }
    expect(plain.known.skipped, 'plain: learned').toBeLessThan(0.2 * drawn.known.skipped);
  },
);
