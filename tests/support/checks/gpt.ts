/** What any right decoder-only model does; each check throws when it does not. */
import fc from 'fast-check';
import { expect } from 'vitest';
import { type Gpt, type GptConfig, noGrad, scope } from '../../../src/index.ts';
import { roundingOf } from '../devices.ts';
import { gptLogits, tinyGpt, tinyLlama } from '../gpts.ts';
import { expectNear, idTensor, rowOf } from '../numbers.ts';

const VOCAB = 9;
const token = fc.integer({ min: 0, max: VOCAB - 1 });
const rows = fc
  .tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 2, max: 10 }))
  .chain(([count, length]) => {
    const row = fc.array(token, { minLength: length, maxLength: length });
    return fc.array(row, { minLength: count, maxLength: count });
  });

/** A prompt of any length at once, then token by token: the logits are those of the full pass. */
export function gptStepsEqualForward(device = 'reference', config: Partial<GptConfig> = {}): void {
  stepsEqualForward(tinyGpt(config, device), device);
}

/** The same of a model like LLaMA. */
export function llamaStepsEqualForward(device = 'reference'): void {
  stepsEqualForward(tinyLlama(device), device);
}

/** The same of any model. */
export function stepsEqualForward(fresh: Gpt, device: string): void {
  const model = fresh.eval();
  fc.assert(
    fc.property(rows, fc.nat(), (texts, cut) => {
      const length = texts[0]!.length;
      const prompt = 1 + (cut % (length - 1));
      const full = gptLogits(model, texts);
      const cache = model.startDecoding(texts.length, length);
      noGrad(() =>
        scope(() => {
          for (let from = 0, to = prompt; to <= length; from = to++) {
            const fresh = texts.map((text) => text.slice(from, to));
            const { data } = model.step(idTensor(fresh, device), cache);
            const wanted = texts.flatMap((_, row) => rowOf(full, row * length + to - 1, VOCAB));
            expectNear(data, wanted, roundingOf(device), `logits after ${to} tokens`);
          }
        }),
      );
      cache.dispose();
    }),
    { numRuns: 30 },
  );
}

/** Another token at place j leaves the logits before j the same bits, and changes those from j on. */
export function gptFutureChangesNothing(device = 'reference'): void {
  futureChangesNothing(device, {}, Infinity);
}

/**
 * The same of a model of any mechanisms.
 *
 * @param reach - how far every mechanism hands a change on for certain
 */
export function futureChangesNothing(device: string, config: Partial<GptConfig>, reach = 0): void {
  const model = tinyGpt({ tieEmbeddings: false, ...config }, device).eval();
  const text = fc.array(token, { minLength: 2, maxLength: 10 });
  fc.assert(
    fc.property(text, fc.nat(), (own, at) => {
      const place = at % own.length;
      const other = own.map((id, i) => (i === place ? (id + 1) % VOCAB : id));
      const [a, b] = [gptLogits(model, [own]), gptLogits(model, [other])];
      for (let t = 0; t < Math.min(own.length, place + reach + 1); t++) {
        const same = rowOf(a, t, VOCAB).every((value, c) => value === rowOf(b, t, VOCAB)[c]);
        expect(same, `logits at ${t} after a change at ${place}`).toBe(t < place);
      }
    }),
    { numRuns: 30 },
  );
}
