/**
 * Keys for dropout: a function of seed, step and the place in the forward pass, so that nothing has to be
 * saved for a resumed run to drop the same elements.
 */
import { hashText, philox } from '../core/random.ts';
import type { DropoutKey } from '../ops/dropout/index.ts';

interface KeyStream {
  readonly seed: number;
  readonly step: number;
  /** Uses of dropout so far in this step. */
  site: number;
}

const PURPOSE = hashText('dropout');
let stream: KeyStream = { seed: 0, step: 0, site: 0 };

/** The key of the next use of dropout. */
export function nextDropoutKey(): DropoutKey {
  const { seed, step } = stream;
  const [a, b] = philox([stream.site++, step >>> 0, Math.floor(step / 2 ** 32), 0], [seed >>> 0, PURPOSE]);
  return [a, b];
}

/**
 * Runs `body` with the dropout of one training step.
 *
 * @param seed - the run's seed
 * @param step - counts updates; with accumulation, all micro-batches of an update run in one call
 */
export function withDropoutKeys<T>(seed: number, step: number, body: () => T): T {
  const before = stream;
  stream = { seed, step, site: 0 };
  try {
    return body();
  } finally {
    stream = before;
  }
}
