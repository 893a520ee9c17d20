/** A language model of GPT-2's size with random weights: reading a prompt of 512 tokens, then writing 64. */
import type { Device } from '../core/device.ts';
import { Random } from '../core/random.ts';
import { scope } from '../core/scope.ts';
import { noGrad } from '../core/tape.ts';
import { tensor } from '../core/tensor.ts';
import { Gpt } from '../models/gpt.ts';
import { quantize } from '../nn/quantize.ts';
import type { QuantizedType } from '../ops/quantized-linear/panels.ts';
import { argmax } from '../ops/reduce/max.ts';
import { median, randomIds } from './shapes.ts';

const PROMPT = 512;
const NEW_TOKENS = 64;

/** Values of no statistical worth, a hundred times faster than the counter-based ones: weights of a speed test. */
class FastRandom extends Random {
  private last = 1;

  override normal(): number {
    this.last = (Math.imul(this.last, 1664525) + 1013904223) | 0;
    return this.last * 2 ** -30;
  }
}

/** GPT-2 with 124 million parameters, for speed only. */
export function benchGpt2Model(device: Device, dtype?: QuantizedType): Gpt {
  const model = new Gpt({ vocabSize: 50257 }, { random: new FastRandom(1, 'bench'), device }).eval();
  return dtype ? quantize(model, { dtype }) : model;
}

/** Tokens per second of the two phases. */
export interface Gpt2Figures {
  readonly prefillTokensPerSecond: number;
  /** Median over the tokens of all rounds. */
  readonly decodeTokensPerSecond: number;
}

/** Milliseconds of a prompt, then of each new token. */
function oneRound(model: Gpt, device: Device): { readonly prefill: number; readonly tokens: number[] } {
  const cache = model.startDecoding(1, PROMPT + NEW_TOKENS);
  const tokens: number[] = [];
  const step = (ids: Int32Array): number =>
    noGrad(() =>
      scope(() => {
        const next = model.step(tensor(ids, [1, ids.length], { dtype: 'int32', device }), cache);
        return argmax(next).item();
      }),
    );
  const timed = (ids: Int32Array): { readonly next: number; readonly milliseconds: number } => {
    const start = performance.now();
    const next = step(ids);
    return { next, milliseconds: performance.now() - start };
  };
  const prompt = randomIds(1, PROMPT, model.config.vocabSize, device);
  const first = timed(prompt.data as Int32Array);
  for (let token = first.next; tokens.length < NEW_TOKENS; ) {
    const { next, milliseconds } = timed(Int32Array.of(token));
    tokens.push(milliseconds);
    token = next;
  }
  cache.dispose();
  prompt.dispose();
  return { prefill: first.milliseconds, tokens };
}

/** Medians over `rounds`, after one that is not counted. */
export function benchGpt2(model: Gpt, device: Device, rounds: number): Gpt2Figures {
  oneRound(model, device);
  const all = Array.from({ length: rounds }, () => oneRound(model, device));
  return {
    prefillTokensPerSecond: (1000 * PROMPT) / median(all.map(({ prefill }) => prefill)),
    decodeTokensPerSecond: 1000 / median(all.flatMap(({ tokens }) => tokens)),
  };
}
