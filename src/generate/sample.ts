/** Decoding by drawing each token from the model's probabilities. */
import { grow, type NextToken } from './grow.ts';
import { forbid } from './next-tokens.ts';
import { beginOf, checkDecodingOptions, type DecodingOptions, type Hypothesis, limitOf } from './options.ts';
import type { SamplingOptions } from './sampling/options.ts';
import { logProbOf, Sampler } from './sampling/sampler.ts';
import type { DecodingSession } from './session.ts';

/** What is drawn, and how often. */
export interface SampleOptions extends DecodingOptions, SamplingOptions {
  /** Results for each text. Default 1. */
  readonly nBest?: number;
  /** What stands before each text and counts for penalties, such as the prompt of a language model. */
  readonly prompts?: readonly (readonly number[])[];
  /**
   * Numbers of the streams of random numbers, one for each text; their places by default. Draw d of n of stream s
   * takes the numbers of stream s · n + d.
   */
  readonly streams?: readonly number[];
}

/** Options for a batch in which each text stands `times` times, one after the other. */
function repeated(options: SampleOptions, texts: number, times: number): SampleOptions {
  const places = Array.from({ length: texts * times }, (_, row) => Math.floor(row / times));
  const { prefixes, prompts, streams } = options;
  return {
    ...options,
    bos: places.map((text) => beginOf(options, text)),
    maxNewTokens: places.map((text) => limitOf(options, text)),
    ...(prefixes && { prefixes: places.map((text) => prefixes[text] ?? []) }),
    ...(prompts && { prompts: places.map((text) => prompts[text] ?? []) }),
    streams: places.map((text, row) => (streams?.[text] ?? text) * times + (row % times)),
  };
}

/**
 * Draws texts from a model.
 *
 * The same seed and streams draw the same texts, whatever stands beside them in the batch. `logProb` is the model's
 * own, before temperature, penalties and cuts.
 *
 * @returns for each text its `nBest` draws, in the order in which they were drawn
 * @throws {ConfigError} when an option cannot be used
 * @example
 * const [[text]] = sampleSearch(session, { bos: 2, eos: 3, maxNewTokens: 50, temperature: 0.8, topP: 0.95, seed: 1 });
 */
export function sampleSearch(session: DecodingSession, options: SampleOptions): Hypothesis[][] {
  const { nBest = 1, forbidden = [] } = options;
  checkDecodingOptions(options, nBest);
  const sampler = new Sampler(options, options.eos);
  const texts = session.rows;
  const all = repeated(options, texts, nBest);
  if (nBest > 1) session.select(Array.from({ length: texts * nBest }, (_, row) => Math.floor(row / nBest)));
  const drawn = grow(session, all, (last, rows) => {
    const logits = session.step(last);
    forbid(logits, forbidden);
    const width = logits.shape[1]!;
    const chosen = rows.map(({ text, tokens, forced }, row): NextToken => {
      const own = Float64Array.from(logits.data.subarray(row * width, (row + 1) * width));
      if (forced !== undefined) return { token: forced, logProb: logProbOf(own, forced) };
      const token = sampler.draw(
        sampler.probabilities(own, tokens, all.prompts?.[text]),
        all.streams![text]!,
      );
      return { token, logProb: logProbOf(own, token) };
    });
    logits.dispose();
    return chosen;
  });
  return Array.from({ length: texts }, (_, text) => drawn.slice(text * nBest, (text + 1) * nBest));
}
