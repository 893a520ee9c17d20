/** Sequence-to-sequence training: batches of pairs, teacher forcing, and the loss of a batch. */
import type { Device } from '../core/device.ts';
import { scope } from '../core/scope.ts';
import { backward, noGrad } from '../core/tape.ts';
import { full, type Tensor, tensor } from '../core/tensor.ts';
import { bucketBatches, type TokenPair } from '../data/batching.ts';
import { collate, shiftRight } from '../data/collate.ts';
import type { Tokenizers } from '../generate/translator.ts';
import type { Transformer } from '../models/transformer.ts';
import { type Mask, paddingMask } from '../nn/attention/masks.ts';
import { crossEntropy } from '../ops/cross-entropy/index.ts';

/** A batch as typed arrays, padded. */
export interface PairBatch {
  readonly source: ReturnType<typeof collate>;
  /** Begin token and target. */
  readonly input: ReturnType<typeof collate>;
  /** Target and end token. */
  readonly labels: ReturnType<typeof collate>;
  readonly sourceTokens: number;
  readonly targetTokens: number;
}

export interface BatchLimits {
  readonly maxTokens: number;
  readonly maxSentences?: number | undefined;
}

/** Sums over the tokens of a batch. */
export interface LossSums {
  /** With label smoothing, nats. */
  readonly loss: number;
  readonly tokens: number;
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
  return bucketBatches(lengths(pairs), { ...limits, ...order });
}

/** Pads pairs into a batch. */
export function makeBatch(pairs: readonly TokenPair[], { source, target }: Tokenizers): PairBatch {
  const { bos, eos } = target.specialTokens;
  const shifted = pairs.map((pair) => shiftRight(pair.target, { bos, eos }));
  const padId = target.specialTokens.pad;
  const batch = {
    source: collate(
      pairs.map((pair) => [...pair.source, source.specialTokens.eos]),
      { padId: source.specialTokens.pad },
    ),
    input: collate(
      shifted.map(({ input }) => input),
      { padId },
    ),
    labels: collate(
      shifted.map(({ labels }) => labels),
      { padId },
    ),
  };
  const total = (counts: Int32Array): number => counts.reduce((a, b) => a + b, 0);
  return { ...batch, sourceTokens: total(batch.source.lengths), targetTokens: total(batch.labels.lengths) };
}

/** Loss and gradients of the encoder–decoder model. */
export class Seq2SeqObjective {
  private readonly model: Transformer;
  private readonly padId: number;
  private readonly labelSmoothing: number;

  constructor(
    model: Transformer,
    { padId, labelSmoothing }: { readonly padId: number; readonly labelSmoothing: number },
  ) {
    this.model = model;
    this.padId = padId;
    this.labelSmoothing = labelSmoothing;
  }

  private get device(): Device {
    return this.model.sourceEmbedding.weight.device;
  }

  /** Losses of every label `[B, T]`, 0 at padding. */
  private losses(batch: PairBatch, labelSmoothing: number): Tensor {
    const { device } = this;
    const ids = ({ ids, batch: rows, length }: PairBatch['source']): Tensor =>
      tensor(ids, [rows, length], { dtype: 'int32', device });
    const masked = ({ mask, batch: rows, length }: PairBatch['source']): Mask | null =>
      mask.includes(0) ? paddingMask(mask, rows, length, { device }) : null;
    // Causality hides the padding at a target's end from every real token, so the decoder needs no mask for it.
    const logits = this.model.forward(ids(batch.source), ids(batch.input), masked(batch.source), null);
    return crossEntropy(logits, ids(batch.labels), { labelSmoothing, ignoreIndex: this.padId });
  }

  /** Adds the gradients of `loss sum / totalTokens` to the parameters. */
  trainOn(batch: PairBatch, totalTokens: number): LossSums {
    return scope(() => {
      const losses = this.losses(batch, this.labelSmoothing);
      const loss = sumOf(losses);
      backward(losses, { grad: full(losses.shape, 1 / totalTokens, { device: this.device }) });
      return { loss, tokens: batch.targetTokens };
    });
  }

  /** Sum of the losses without label smoothing: negative log-likelihood. */
  evaluate(batch: PairBatch): LossSums {
    return noGrad(() => scope(() => ({ loss: sumOf(this.losses(batch, 0)), tokens: batch.targetTokens })));
  }
}

function sumOf({ data }: Tensor): number {
  let total = 0;
  for (let i = 0; i < data.length; i++) total += data[i]!;
  return total;
}
