/** Sequence-to-sequence training: batches of pairs, teacher forcing, and the loss of a batch. */
import type { Device } from '../core/device.ts';
import { scope } from '../core/scope.ts';
import { noGrad } from '../core/tape.ts';
import type { Tensor } from '../core/tensor.ts';
import { packedBatches, type TokenPair } from '../data/batching.ts';
import { shiftRight } from '../data/collate.ts';
import type { Tokenizers } from '../generate/translator.ts';
import type { EncoderDecoder, PackedSequences } from '../models/encoder-decoder.ts';
import { withEndToken } from '../nn/source-structure.ts';
import { type LossSums, learnFrom, sumOf, type TrainingSums } from './learn.ts';

/** A batch of pairs, the sequences of each side one after the other. */
export interface PairBatch {
  readonly source: PackedSequences;
  /** Begin token and target. */
  readonly input: PackedSequences;
  /** Target and end token. */
  readonly labels: PackedSequences;
  readonly sourceTokens: number;
  readonly targetTokens: number;
}

export interface BatchLimits {
  readonly maxTokens: number;
  readonly maxSentences?: number | undefined;
}

/** Length with the end token, which counts in a batch. */
function lengths(pairs: readonly TokenPair[]) {
  return pairs.map(({ source, target }) => ({ source: source.length + 1, target: target.length + 1 }));
}

/** The batches of an epoch as lists of places; a function of seed and epoch only. */
export function epochBatches(
  pairs: readonly TokenPair[],
  { maxTokens, maxSentences }: BatchLimits,
  order: { readonly seed: number; readonly epoch: number; readonly shuffle: boolean },
): number[][] {
  const limits = maxSentences === undefined ? { maxTokens } : { maxTokens, maxSentences };
  return packedBatches(lengths(pairs), { ...limits, ...order });
}

function packed(sequences: readonly (readonly number[])[]): PackedSequences {
  return { ids: Int32Array.from(sequences.flat()), lengths: sequences.map(({ length }) => length) };
}

/** Packs pairs into a batch. */
export function makeBatch(pairs: readonly TokenPair[], { source, target }: Tokenizers): PairBatch {
  const { bos, eos } = target.specialTokens;
  const shifted = pairs.map((pair) => shiftRight(pair.target, { bos, eos }));
  const structures = pairs.flatMap(({ structure }) => (structure ? [withEndToken(structure)] : []));
  const sources = packed(pairs.map((pair) => [...pair.source, source.specialTokens.eos]));
  const batch = {
    source: structures.length === pairs.length ? { ...sources, structures } : sources,
    input: packed(shifted.map(({ input }) => input)),
    labels: packed(shifted.map(({ labels }) => labels)),
  };
  return { ...batch, sourceTokens: batch.source.ids.length, targetTokens: batch.labels.ids.length };
}

/** Loss and gradients of the encoder–decoder model. */
export class Seq2SeqObjective {
  private readonly model: EncoderDecoder;
  private readonly padId: number;
  private readonly labelSmoothing: number;

  constructor(
    model: EncoderDecoder,
    { padId, labelSmoothing }: { readonly padId: number; readonly labelSmoothing: number },
  ) {
    this.model = model;
    this.padId = padId;
    this.labelSmoothing = labelSmoothing;
  }

  get device(): Device {
    return this.model.device;
  }

  /** Losses of every label, `[1, N]`. */
  private losses({ source, input, labels }: PairBatch, labelSmoothing: number): Tensor {
    return this.model.losses(source, input, labels, { labelSmoothing, ignoreIndex: this.padId });
  }

  /**
   * Adds the gradients of `weight · loss sum / totalTokens` to the parameters, see `learnFrom`.
   *
   * @returns the sum of the losses, without the weight
   */
  trainOn(batch: PairBatch, totalTokens: number, weight = 1): TrainingSums {
    const lossesOf = (): Tensor => this.losses(batch, this.labelSmoothing);
    return learnFrom(lossesOf, batch.targetTokens, totalTokens, weight);
  }

  /** Sum of the losses without label smoothing: negative log-likelihood. */
  evaluate(batch: PairBatch): LossSums {
    return noGrad(() => scope(() => ({ loss: sumOf(this.losses(batch, 0)), tokens: batch.targetTokens })));
  }
}
