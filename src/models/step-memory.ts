/** The small arrays of a fused decoding step: made once for a batch, so that a step asks for no memory. */
import type { Device } from '../core/device.ts';
import { Tensor } from '../core/tensor.ts';

/** What a step writes. */
interface StepResults {
  readonly count: number;
  /** `[rows, count]` */
  readonly tokens: Tensor;
  /** `[rows, count + 1]` */
  readonly scores: Tensor;
}

export class StepMemory {
  /** Most texts. */
  readonly rows: number;
  /** In which row of the caches the tokens of each text were written, `[rows, room]`. */
  readonly slots: Int32Array;
  /** Which source is that of each text. */
  readonly sources: Int32Array;
  /** Tokens that the texts go on with; a tensor, because embeddings of codes look them up. */
  readonly ids: Tensor;
  readonly wanted: Int32Array;
  private readonly device: Device;
  private readonly kept: Tensor[] = [];
  private written: StepResults | undefined;
  private refused: { readonly ids: readonly number[]; readonly flags: Tensor } | undefined;

  constructor(rows: number, room: number, device: Device) {
    this.rows = rows;
    this.device = device;
    this.slots = this.keep(rows * room).data as Int32Array;
    this.sources = this.keep(rows).data as Int32Array;
    this.ids = this.keep(rows);
    this.wanted = this.keep(rows).data as Int32Array;
  }

  private keep(length: number): Tensor {
    const tensor = Tensor.empty([length], 'int32', this.device).keep();
    this.kept.push(tensor);
    return tensor;
  }

  /** Where `count` tokens of each text are written; the same as long as the count is. */
  results(count: number): StepResults {
    if (this.written?.count === count) return this.written;
    this.forgetResults();
    const tokens = Tensor.empty([this.rows, count], 'int32', this.device).keep();
    const scores = Tensor.empty([this.rows, count + 1], 'float32', this.device).keep();
    this.written = { count, tokens, scores };
    return this.written;
  }

  /** A flag for each id of a vocabulary, set for those that are never chosen; null where all may be. */
  flags(ids: readonly number[], vocabSize: number): Tensor | null {
    if (ids.length === 0) return null;
    if (this.refused?.ids === ids) return this.refused.flags;
    this.refused?.flags.dispose();
    const flags = Tensor.empty([vocabSize], 'bool', this.device).keep();
    flags.data.fill(0);
    for (const id of ids) flags.data[id] = 1;
    this.refused = { ids, flags };
    return flags;
  }

  private forgetResults(): void {
    this.written?.tokens.dispose();
    this.written?.scores.dispose();
  }

  dispose(): void {
    for (const tensor of this.kept) tensor.dispose();
    this.forgetResults();
    this.refused?.flags.dispose();
  }
}
