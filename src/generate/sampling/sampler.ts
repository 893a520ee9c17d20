/** Draws the tokens of texts, each from a stream of random numbers of its own. */
import { Random } from '../../core/random.ts';
import { drawFrom, logSumExp, probabilitiesOf } from './distribution.ts';
import { processorsOf, type SamplingOptions } from './options.ts';
import type { LogitsProcessor } from './processors.ts';

/** The log-probability of a token, from the logits `[V]`. */
export function logProbOf(logits: Float64Array, token: number): number {
  return logits[token]! - logSumExp(logits);
}

/** Draws tokens under sampling options. */
export class Sampler {
  private readonly processors: readonly LogitsProcessor[];
  private readonly seed: number;
  private readonly streams = new Map<number, Random>();

  /**
   * @param eos - id that ends a text
   * @throws {ConfigError} listing every option that cannot be used
   */
  constructor(options: SamplingOptions, eos: number) {
    this.processors = processorsOf(options, eos);
    this.seed = options.seed ?? 0;
  }

  /**
   * Probabilities of the next token, `[V]`.
   *
   * @param logits - `[V]`, left as they are
   * @param tokens - of the text so far, without its prompt
   */
  probabilities(
    logits: Float64Array,
    tokens: readonly number[],
    prompt: readonly number[] = [],
  ): Float64Array {
    const processed = logits.slice();
    const all = [...prompt, ...tokens];
    for (const process of this.processors) process(processed, all, prompt.length);
    return probabilitiesOf(processed);
  }

  /** The next number of [0, 1) of a stream; the same streams give the same texts in any batch. */
  uniform(stream: number): number {
    let random = this.streams.get(stream);
    if (!random) this.streams.set(stream, (random = new Random(this.seed, `sample/${stream}`)));
    return random.uniform();
  }

  /** Draws a token from probabilities `[V]`. */
  draw(probabilities: Float64Array, stream: number): number {
    return drawFrom(probabilities, this.uniform(stream));
  }
}
