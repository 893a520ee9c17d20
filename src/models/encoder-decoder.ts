/** What training, decoding and the command line ask of a model that reads one text and writes another. */
import type { Device } from '../core/device.ts';
import { type Tensor, tensor } from '../core/tensor.ts';
import { Module } from '../nn/module.ts';
import type { SourceStructure } from '../nn/source-structure.ts';
import { crossEntropy } from '../ops/cross-entropy/index.ts';

/** Ids of sequences in a row, and the length of each. */
export interface PackedSequences {
  readonly ids: Int32Array;
  readonly lengths: ArrayLike<number>;
  /** The dependency tree of each sequence, where all have one. */
  readonly structures?: readonly SourceStructure[];
}

/** Source ids of a batch, padded. */
export interface SourceBatch {
  /** `[B · S]` */
  readonly ids: Int32Array;
  /** `[B · S]`, 1 for tokens */
  readonly mask: Uint8Array;
  readonly batch: number;
  readonly length: number;
  /** The dependency tree of each source, where all have one. */
  readonly structures?: readonly SourceStructure[];
}

/** What a step of decoding is asked for. */
export interface BestQuery {
  /** Tokens for each text, at most V. */
  readonly count: number;
  /** Ids that are never chosen. */
  readonly forbidden: readonly number[];
  /** An id for each text whose log-probability is needed too, negative where none is. */
  readonly wanted: ArrayLike<number>;
}

/** The likeliest next tokens of each text, best first; of equal ones the lowest id first. */
export interface BestTokens {
  /** `[rows, count]` */
  readonly tokens: Int32Array;
  /** `[rows, count]` */
  readonly logProbs: Float32Array | Float64Array;
  /** Of the wanted ids, `[rows]`. */
  readonly wanted: Float32Array | Float64Array;
}

/** What decoding keeps of a batch of texts: it grows by a token a step and follows the beams. */
export interface DecodingState {
  /** Appends a token to each text, int32 `[rows, 1]`, and gives the logits after it, `[rows, V]`. */
  step?(tokens: Tensor): Tensor;
  /** The likeliest tokens after appending one to each text; a state has this, `step`, or both. */
  best?(tokens: readonly number[], query: BestQuery): BestTokens;
  /** As `step` with several tokens, int32 `[rows, T]`: the logits after each of them, `[rows, T, V]`. */
  extend?(tokens: Tensor): Tensor;
  /** As `extend`, with the likeliest token of each head for later tokens, int32 `[rows, T]`; of a model that has such heads. */
  extendAhead?(tokens: Tensor): { readonly logits: Tensor; readonly ahead: readonly Tensor[] };
  /** Forgets the tokens from place `length` on. */
  truncate?(length: number): void;
  /** Keeps the texts at `places`, in that order; one may appear several times or not at all. */
  select(places: readonly number[]): void;
  dispose(): void;
}

/** How whole texts are written. */
export interface WholeOptions {
  /** Most tokens of each text, the end token not counted. */
  readonly limits: readonly number[];
  /** Id that starts and id that ends a target text. */
  readonly bos: number;
  readonly eos: number;
  /** Ids that are never chosen. */
  readonly forbidden: readonly number[];
  /** Most results for each text. */
  readonly candidates: number;
}

/** A text that was written as a whole. */
export interface WholeText {
  /** Without begin and end token. */
  readonly tokens: readonly number[];
  /** Of its tokens, the end token and the length where it was chosen. */
  readonly logProb: number;
  /** Whether it ended by itself. */
  readonly complete: boolean;
}

/** How the losses of labels are counted. */
export interface LossOptions {
  /** ε of label smoothing (Szegedy et al. 2015), 0 … 1. */
  readonly labelSmoothing: number;
  /** A label that does not count. */
  readonly ignoreIndex: number;
}

/** A model that reads one text and writes another. */
export abstract class EncoderDecoder extends Module {
  /** Most tokens that a text may have on either side. */
  abstract readonly maxSeqLen: number;
  /** Where the parameters lie. */
  abstract readonly device: Device;

  /** Whether sources must bring dependency trees. */
  get readsTrees(): boolean {
    return false;
  }

  /** Tokens that the model can propose at once, see `LaterTokens`; 1 without such heads. */
  get blockSize(): number {
    return 1;
  }

  /** Ids beyond the vocabulary that stand for hidden spans, see `SentinelVocabulary`. */
  get sentinels(): number {
    return 0;
  }

  /** Whether ids beyond the vocabulary stand for words of the source that it lacks, see `ExtendedVocabulary`. */
  get copies(): boolean {
    return false;
  }

  /** Path of the intermediate `[B, H, T, S]` that says where each target token looked; none where nothing looks. */
  get alignmentPath(): string | undefined {
    return undefined;
  }

  /**
   * Training pass with teacher forcing over sequences that stand one after the other: no row is padding.
   *
   * @param source - ids of all sources in a row, and their lengths
   * @param target - ids of all targets, shifted right, in the order of the sources
   * @returns logits `[1, N, V]` of the N target tokens
   */
  abstract forwardPacked(source: PackedSequences, target: PackedSequences): Tensor;

  /** The loss of every label, `[1, N]`: cross-entropy of the logits, unless a model is trained otherwise. */
  losses(
    source: PackedSequences,
    target: PackedSequences,
    labels: PackedSequences,
    options: LossOptions,
  ): Tensor {
    const wanted = tensor(labels.ids, [1, labels.ids.length], { dtype: 'int32', device: this.device });
    return crossEntropy(this.forwardPacked(source, target), wanted, options);
  }

  /**
   * Encodes the sources of a batch and prepares to decode them.
   *
   * @param room - most target tokens that will come
   * @param best - a state of `best` alone is enough, for at most so many tokens a text: the faster way where there is one
   */
  abstract decodingOf(sources: SourceBatch, room: number, best?: number): DecodingState;

  /** Writes whole texts at once, each with its results, best first; left out where tokens come one after the other. */
  writeWhole?(sources: SourceBatch, options: WholeOptions): readonly (readonly WholeText[])[];
}
