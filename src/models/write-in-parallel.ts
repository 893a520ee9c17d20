/** Decoding of the non-autoregressive Transformer: one pass, or a few of mask-predict. */
import { scope } from '../core/scope.ts';
import { noGrad } from '../core/tape.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Packing } from '../nn/attention/packing.ts';
import { logSoftmax } from '../ops/softmax/index.ts';
import type { PackedSequences, SourceBatch, WholeOptions, WholeText } from './encoder-decoder.ts';

/** Sources as the decoder sees them: `[1, S₁ + … + S_n, C]`, and the bounds of each. */
export interface ParallelMemory {
  readonly states: Tensor;
  readonly packing: Packing;
}

/** A model that writes all tokens of a text in one pass. */
export interface ParallelWriter {
  readonly maxSeqLen: number;
  /** Passes of mask-predict. */
  readonly iterations: number;
  /** Whether the length comes from the source, and not from the end token. */
  readonly predictsLength: boolean;
  encode(source: PackedSequences): ParallelMemory;
  /** Logits `[n, maxSeqLen + 1]` of the lengths of the targets. */
  lengthLogits(memory: ParallelMemory): Tensor;
  /** Places that are written for a source of so many tokens where the end token says the length. */
  roomFor(sourceLength: number): number;
  /** One pass of the decoder: logits `[1, N, V]`. */
  decode(memory: ParallelMemory, inputs: PackedSequences): Tensor;
}

/** START at every place. */
export function allStart(lengths: ArrayLike<number>, start: number): PackedSequences {
  const total = Array.from(lengths).reduce((sum, length) => sum + length, 0);
  return { ids: new Int32Array(total).fill(start), lengths };
}

/** Lengths of the targets, end token counted, and their log-probabilities. */
interface Lengths {
  readonly lengths: readonly number[];
  readonly logProbs: readonly number[];
}

/** The likeliest token of every place, and how sure the model is. */
interface Written {
  readonly tokens: Int32Array;
  readonly logProbs: Float64Array;
}

/** Padded sources one after the other. */
function packed({ ids, mask, batch, length }: SourceBatch): PackedSequences {
  const rows = Array.from({ length: batch }, (_, row) => {
    const from = row * length;
    return Array.from(ids.subarray(from, from + length)).filter((_, s) => mask[from + s]);
  });
  return { ids: Int32Array.from(rows.flat()), lengths: rows.map((row) => row.length) };
}

/**
 * Whole texts, best first.
 *
 * A model that predicts the length writes the text in each of its `candidates` likeliest lengths and ranks them by
 * log-probability (Ghazvininejad et al. 2019, §4.2); one that is cut at the end token has one result.
 */
export function writeInParallel(
  model: ParallelWriter,
  sources: SourceBatch,
  options: WholeOptions,
): WholeText[][] {
  return noGrad(() =>
    scope(() => {
      const source = packed(sources);
      const memory = model.encode(source);
      const all = lengthsOf(model, memory, source, options);
      const results: WholeText[][] = Array.from({ length: sources.batch }, () => []);
      for (const lengths of all) {
        scope(() => write(model, memory, lengths.lengths, options)).forEach((text, n) => {
          results[n]!.push({ ...text, logProb: text.logProb + lengths.logProbs[n]! });
        });
      }
      for (const texts of results) texts.sort((a, b) => b.logProb - a.logProb);
      return results;
    }),
  );
}

/** The lengths to write, the likeliest of each text first. */
function lengthsOf(
  model: ParallelWriter,
  memory: ParallelMemory,
  source: PackedSequences,
  { limits, candidates }: WholeOptions,
): Lengths[] {
  const most = limits.map((limit) => Math.min(limit + 1, model.maxSeqLen));
  if (!model.predictsLength) {
    const lengths = most.map((limit, n) => Math.min(limit, model.roomFor(source.lengths[n]!)));
    return [{ lengths, logProbs: lengths.map(() => 0) }];
  }
  const all = logSoftmax(model.lengthLogits(memory));
  const width = all.shape[1]!;
  const ranked = most.map((limit, n) => {
    const own = all.data.subarray(n * width, (n + 1) * width);
    const possible = Array.from({ length: limit }, (_, i) => i + 1);
    return possible.sort((a, b) => own[b]! - own[a]!).map((length) => ({ length, logProb: own[length]! }));
  });
  const count = Math.min(candidates, ...ranked.map(({ length }) => length));
  return Array.from({ length: count }, (_, c) => ({
    lengths: ranked.map((lengths) => lengths[c]!.length),
    logProbs: ranked.map((lengths) => lengths[c]!.logProb),
  }));
}

/** One text of each length. */
function write(
  model: ParallelWriter,
  memory: ParallelMemory,
  lengths: readonly number[],
  options: WholeOptions,
): WholeText[] {
  const { iterations } = model;
  const written = passOver(model, memory, allStart(lengths, options.bos), options);
  for (let done = 1; done < iterations; done++) {
    const hidden = leastCertain(written, lengths, (iterations - done) / iterations);
    const ids = written.tokens.map((id, i) => (hidden[i] ? options.bos : id));
    const again = passOver(model, memory, { ids, lengths }, options);
    for (let i = 0; i < ids.length; i++) {
      if (!hidden[i]) continue;
      written.tokens[i] = again.tokens[i]!;
      written.logProbs[i] = again.logProbs[i]!;
    }
  }
  return cutAtEnd(written, lengths, options);
}

/** The likeliest token of every place after one pass of the decoder. */
function passOver(
  model: ParallelWriter,
  memory: ParallelMemory,
  inputs: PackedSequences,
  { forbidden }: WholeOptions,
): Written {
  return scope(() => {
    const logits = model.decode(memory, inputs);
    const [, count, width] = logits.shape as [number, number, number];
    for (let i = 0; i < count; i++)
      for (const id of forbidden) logits.data[i * width + id] = Number.NEGATIVE_INFINITY;
    const all = logSoftmax(logits).data;
    const tokens = new Int32Array(count);
    const logProbs = new Float64Array(count);
    for (let i = 0; i < count; i++) {
      let best = i * width;
      for (let at = best + 1; at < (i + 1) * width; at++) if (all[at]! > all[best]!) best = at;
      tokens[i] = best - i * width;
      logProbs[i] = all[best]!;
    }
    return { tokens, logProbs };
  });
}

/** The `share` of each text's tokens that the model was least sure of; of equal ones the first. */
function leastCertain({ logProbs }: Written, lengths: readonly number[], share: number): boolean[] {
  let from = 0;
  return lengths.flatMap((length) => {
    const own = logProbs.subarray(from, (from += length));
    const order = [...own.keys()].sort((a, b) => own[a]! - own[b]!);
    const chosen = new Set(order.slice(0, Math.floor(length * share)));
    return Array.from({ length }, (_, i) => chosen.has(i));
  });
}

function cutAtEnd(
  { tokens, logProbs }: Written,
  lengths: readonly number[],
  { eos, limits }: WholeOptions,
): WholeText[] {
  let from = 0;
  return lengths.map((length, n) => {
    const own = Array.from(tokens.subarray(from, from + length));
    const sure = logProbs.subarray(from, from + length);
    from += length;
    const end = own.indexOf(eos);
    const kept = end < 0 ? length : end + 1;
    const logProb = sure.subarray(0, kept).reduce((sum, value) => sum + value, 0);
    const text = end < 0 ? own : own.slice(0, end);
    return { tokens: text.slice(0, limits[n]!), logProb, complete: end >= 0 };
  });
}
