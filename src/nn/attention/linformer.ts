/**
 * Linformer: keys and values of a sequence become k rows, so that every query meets k keys, however long it is.
 *
 * `headᵢ = softmax(Qᵢ (Eᵢ Kᵢ)ᵀ / √D) Fᵢ Vᵢ` with E, F `[k, n]`.
 *
 * A projected key mixes tokens of the whole sequence, so that there is no causal form.
 *
 * Paper: Wang et al., Linformer: Self-Attention with Linear Complexity, 2020, https://arxiv.org/abs/2006.04768
 */
import { type Tensor, tensor } from '../../core/tensor.ts';
import { ConfigError } from '../../errors.ts';
import { attention, attentionParams } from '../../ops/attention/index.ts';
import { attentionParts } from '../../ops/attention/reference.ts';
import { lengthProjection } from '../../ops/length-projection/index.ts';
import { reshape } from '../../ops/shape/reshape.ts';
import { keepWhere } from '../../ops/where/index.ts';
import { normal } from '../initializers.ts';
import { Module, type ModuleContext, type Parameter, parameter } from '../module.ts';
import type { AttentionCall } from './call.ts';
import { refuseRelative } from './efficient.ts';
import type { Mask } from './masks.ts';
import { MultiHeadAttention, type MultiHeadAttentionOptions } from './multi-head.ts';

/** What has one projection: each head's keys and values, all heads' keys, all heads' keys and values, or all layers. */
export const linformerSharings = ['none', 'heads', 'keyvalue', 'layer'] as const;
/** Names of the ways to share projections. */
export type LinformerSharing = (typeof linformerSharings)[number];

/** Sizes of the layer and of its projections. */
export interface LinformerOptions extends MultiHeadAttentionOptions {
  /** k: rows that a sequence becomes. */
  readonly rows: number;
  /** Most tokens of a sequence. */
  readonly maxSeqLen: number;
  readonly sharing: LinformerSharing;
}

/** E: `[P, k, room]`, a matrix for each head or one for all. */
export class LengthProjection extends Module {
  readonly weight: Parameter;

  /** Values from N(0, 1/k), as in the paper. */
  constructor(matrices: number, rows: number, room: number, context: ModuleContext) {
    super();
    this.weight = parameter([matrices, rows, room], normal(1 / Math.sqrt(rows)), context);
  }

  /** `[1, N, C]`, sequences in a row, to `[1, n · k, C]`. */
  forward(x: Tensor, starts: Tensor): Tensor {
    return lengthProjection(x, this.weight, starts);
  }
}

/** The projection of all layers of a model: those that are made with the same context. */
const ofModel = new WeakMap<ModuleContext, LengthProjection>();

function sharedInModel(context: ModuleContext, make: () => LengthProjection): LengthProjection {
  const known = ofModel.get(context) ?? make();
  ofModel.set(context, known);
  return known;
}

/** Time and memory O(T · k). */
export class LinformerAttention extends MultiHeadAttention {
  readonly keyProjection: LengthProjection;
  readonly valueProjection: LengthProjection;

  /** @throws {ConfigError} when the numbers of heads do not fit */
  constructor(options: LinformerOptions, context: ModuleContext) {
    super(options, context);
    const { rows, maxSeqLen, sharing } = options;
    const make = (): LengthProjection =>
      new LengthProjection(sharing === 'none' ? this.numKvHeads : 1, rows, maxSeqLen, context);
    this.keyProjection = sharing === 'layer' ? sharedInModel(context, make) : make();
    this.valueProjection = sharing === 'none' || sharing === 'heads' ? make() : this.keyProjection;
  }

  protected override context(call: AttentionCall): Tensor {
    refuseRelative('LinformerAttention', call);
    const { query, options } = call;
    if (options.causal) {
      throw new ConfigError({
        where: 'LinformerAttention',
        expected: 'attention in both directions',
        got: 'causal: true',
        hint: 'each projected key mixes tokens of the whole sequence; a decoder can use linear or local attention',
      });
    }
    const { keys, values, segments } = call.segments ? this.packed(call) : this.padded(call);
    const params = attentionParams(query, keys, { ...options, segments });
    if (!this.wants('scores', 'weights'))
      return attention(query, keys, values, null, { ...params, segments });
    return this.shown(attentionParts(query, keys, values, null, params, segments));
  }

  /** The k rows of each packed sequence, and which queries meet which. */
  private packed({ memory, segments }: AttentionCall) {
    const { device } = memory.keys;
    const { queries, keys } = segments!;
    const ints = (values: Int32Array, shape: readonly number[]): Tensor =>
      tensor(values, shape, { dtype: 'int32', device });
    const starts = ints(keys.starts, [keys.starts.length]);
    const rows = Int32Array.from(keys.starts, (_, i) => i * this.rows);
    return {
      keys: this.keyProjection.forward(memory.keys, starts),
      values: this.valueProjection.forward(memory.values, starts),
      segments: ints(Int32Array.of(...queries.starts, ...rows), [2, rows.length]),
    };
  }

  /** The k rows of each entry of a batch; padding counts as zeros. */
  private padded({ memory, mask }: AttentionCall) {
    const [batch, length] = memory.keys.shape as [number, number, number];
    const { device } = memory.keys;
    const bounds = Int32Array.from({ length: batch + 1 }, (_, b) => b * length);
    const starts = tensor(bounds, [batch + 1], { dtype: 'int32', device });
    const project = (x: Tensor, projection: LengthProjection): Tensor => {
      const row = reshape(mask ? withoutPadding(x, mask) : x, [1, batch * length, x.shape[2]!]);
      return reshape(projection.forward(row, starts), [batch, this.rows, x.shape[2]!]);
    };
    return {
      keys: project(memory.keys, this.keyProjection),
      values: project(memory.values, this.valueProjection),
      segments: null,
    };
  }

  private get rows(): number {
    return this.keyProjection.weight.shape[1]!;
  }
}

/**
 * `[B, S, C]` with zeros where the mask `[B|1, 1, 1, S]` hides a key.
 *
 * @throws {ConfigError} when the mask differs between queries or heads
 */
function withoutPadding(x: Tensor, mask: Mask): Tensor {
  const [batch = 1, heads = 1, queries = 1, keys = 1] = mask.shape;
  if (mask.shape.length === 4 && heads === 1 && queries === 1)
    return keepWhere(x, mask.view([batch, keys, 1]), 0);
  throw new ConfigError({
    where: 'LinformerAttention',
    expected: 'a mask of keys [B, 1, 1, S]',
    got: `[${mask.shape.join(', ')}]`,
    hint: 'queries and heads share the projected keys, so that no mask can tell them apart',
  });
}
