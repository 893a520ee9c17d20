/** Decodes a batch of sources in the way that the options ask for. */
import { ConfigError } from '../errors.ts';
import type { EncoderDecoder, SourceBatch } from '../models/encoder-decoder.ts';
import { beamSearch } from './beam.ts';
import { greedySearch } from './greedy.ts';
import { hypothesisOf } from './grow.ts';
import { type BeamOptions, checkBeamOptions, type Hypothesis, limitOf } from './options.ts';
import { blockwiseSearch } from './parallel/blockwise.ts';
import { checkGuessing, type Guessing } from './parallel/guessing.ts';
import { jacobiSearch } from './parallel/jacobi.ts';
import { speculativeSearch } from './parallel/speculative.ts';
import { sampleSearch } from './sample.ts';
import { checkSamplingOptions, type SamplingOptions } from './sampling/options.ts';
import { ModelSession, type SessionOptions } from './session.ts';

/** Who guesses the tokens that the model reads in one pass. */
export type ParallelDecoding = Guessing<EncoderDecoder> | { readonly kind: 'blockwise' };

/** Which way to decode; greedy or beam search when nothing is asked for. */
export interface DecodingWay {
  readonly sample?: SamplingOptions;
  readonly parallel?: ParallelDecoding;
}

/** What every way of decoding is told. */
interface BatchOptions extends BeamOptions {
  readonly bos: number;
  /** Streams of random numbers of the texts. */
  readonly streams: readonly number[];
}

function clash(where: string, expected: string, got: string, hint: string): ConfigError {
  return new ConfigError({ where, expected, got, hint });
}

/** What does not go together is refused, never dropped. */
function checkWay(model: EncoderDecoder, options: BatchOptions, { sample, parallel }: DecodingWay): void {
  const { beamSize, nBest, prefixes } = options;
  if (sample && beamSize > 1)
    throw clash(
      'beamSize',
      '1 with `sample`, which keeps no other hypotheses',
      String(beamSize),
      'leave one of the two out; nBest asks for several draws',
    );
  if (parallel) checkGuessing(parallel, { beamSize, nBest, sample });
  if (parallel?.kind === 'blockwise' && model.blockSize === 1)
    throw clash(
      'parallel',
      'a model with heads for later tokens for blockwise decoding',
      'one without',
      'train it with `model.blockwise`, or guess with jacobi or a draft model',
    );
  if (parallel?.kind === 'speculative' && parallel.draft.copies !== model.copies) {
    const one = model.copies ? 'one that copies, as this model does' : 'one that does not copy';
    throw clash('draft', one, 'another', 'the two models must mean the same by every id');
  }
  const isForced = prefixes?.some((prefix) => prefix.length > 0);
  const wanted = sample ? 'sample' : parallel ? 'parallel' : isForced ? 'prefixes' : undefined;
  if (model.writeWhole && wanted)
    throw clash(wanted, 'none with a model that writes all tokens at once', 'some', 'leave it out');
  if (sample) checkSamplingOptions(sample);
  else checkBeamOptions(options);
}

/**
 * The results of each text.
 *
 * @throws {ConfigError} when an option cannot be used, or two do not go together
 */
export function decodeBatch(
  model: EncoderDecoder,
  sources: SourceBatch,
  options: BatchOptions,
  way: DecodingWay,
): Hypothesis[][] {
  checkWay(model, options, way);
  if (model.writeWhole) return whole(model, sources, options);
  const { sample, parallel } = way;
  const { beamSize, nBest, streams } = options;
  const room = Math.max(...[options.maxNewTokens].flat()) + 1;
  const sessions: ModelSession[] = [];
  const open = (of: EncoderDecoder, how: SessionOptions = {}): ModelSession => {
    sessions.push(new ModelSession(of, sources, room, how));
    return sessions.at(-1)!;
  };
  try {
    if (parallel?.kind === 'jacobi')
      return alone(jacobiSearch(open(model), { ...options, ...parallel }).hypotheses);
    if (parallel?.kind === 'blockwise') return alone(blockwiseSearch(open(model), options).hypotheses);
    if (parallel) {
      const both = [open(model), open(parallel.draft)] as const;
      const { draftTokens } = parallel;
      const drafting = {
        ...options,
        ...(draftTokens !== undefined && { draftTokens }),
        ...(sample && { sample }),
      };
      return alone(speculativeSearch(...both, drafting).hypotheses);
    }
    if (sample) return sampleSearch(open(model), { ...options, ...sample, nBest, streams });
    if (beamSize === 1) return alone(greedySearch(open(model, { best: 1 }), options));
    return beamSearch(open(model, { best: beamSize }), options);
  } finally {
    for (const session of sessions) session.dispose();
  }
}

function alone(best: readonly Hypothesis[]): Hypothesis[][] {
  return best.map((one) => [one]);
}

/** Of a model that writes all tokens at once; each hypothesis of a beam is a text of another length. */
function whole(model: EncoderDecoder, sources: SourceBatch, options: BatchOptions): Hypothesis[][] {
  const { bos, eos, forbidden = [], beamSize, nBest, lengthPenalty } = options;
  const limits = Array.from({ length: sources.batch }, (_, text) => limitOf(options, text));
  const written = model.writeWhole!(sources, { bos, eos, forbidden, limits, candidates: beamSize });
  return written.map((texts) => {
    const all = texts.map((text) => hypothesisOf(text, text.complete, lengthPenalty));
    return all.sort((a, b) => b.score - a.score).slice(0, nBest);
  });
}
