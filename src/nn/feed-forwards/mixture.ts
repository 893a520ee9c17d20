/**
 * Mixture of experts: a router sends each token to the k best of E feed-forward networks.
 *
 * Papers: Shazeer et al., Outrageously Large Neural Networks, 2017, https://arxiv.org/abs/1701.06538;
 * Fedus, Zoph & Shazeer, Switch Transformers, 2021, https://arxiv.org/abs/2101.03961
 *
 * Shapes: R rows = B·T · C channels · E experts · k experts of a token · P computed choices.
 */
import { type Tensor, tensor, zeros } from '../../core/tensor.ts';
import { add, div, mul } from '../../ops/elementwise/binary.ts';
import { scale } from '../../ops/elementwise/scale.ts';
import { embedding } from '../../ops/embedding/index.ts';
import { gatherLast } from '../../ops/gather/index.ts';
import { linear } from '../../ops/linear/index.ts';
import { topK } from '../../ops/reduce/max.ts';
import { sum } from '../../ops/reduce/sum.ts';
import { reshape } from '../../ops/shape/reshape.ts';
import { concat, slice } from '../../ops/shape/slice.ts';
import { softmax } from '../../ops/softmax/index.ts';
import type { Visible } from '../attention/packing.ts';
import { contributeLoss, contributeMeasure, isCollecting } from '../auxiliary.ts';
import { xavierUniform } from '../initializers.ts';
import { Module, type ModuleContext, type Parameter, parameter } from '../module.ts';
import { rowsOf } from '../rows.ts';
import type { FeedForwardLayer } from './layer.ts';
import { expertCapacity, type Routing, routeTokens } from './routing.ts';

/** How tokens find their experts. */
export interface MixtureOptions {
  /** E */
  readonly experts: number;
  /** k */
  readonly topK: number;
  /** In training an expert computes at most `⌈capacityFactor · k · tokens / E⌉` tokens. */
  readonly capacityFactor: number;
  /** Weight of the load-balancing loss. */
  readonly balance: number;
}

/**
 * `y = Σ g_e FFN_e(x)` over the k experts of the largest router probability `p = softmax(x W_r)`. With one expert its
 * gate is `g = p`, as in Switch; with several the k gates are those probabilities divided by their sum, as in Shazeer.
 *
 * In training a choice beyond an expert's capacity adds nothing, and the loss grows by
 * `balance · E Σ_e f_e P_e`, with the share f_e of choices that fall on an expert and its mean probability P_e; it is
 * smallest, `balance`, when both are even. In evaluation nothing is dropped, so that no token depends on others.
 */
export class MixtureOfExperts extends Module implements FeedForwardLayer {
  /** W_r, `[E, C]`. It is never quantised: a small error would send tokens elsewhere. */
  readonly router: Parameter;
  readonly experts: readonly FeedForwardLayer[];
  private readonly options: MixtureOptions;

  /** @param makeExpert - one feed-forward network */
  constructor(
    dModel: number,
    options: MixtureOptions,
    makeExpert: () => FeedForwardLayer,
    context: ModuleContext,
  ) {
    super();
    this.router = parameter([options.experts, dModel], xavierUniform, context);
    this.experts = Array.from({ length: options.experts }, makeExpert);
    this.options = options;
  }

  /** `[B, T, C]` to `[B, T, C]`; 0 for padding and for tokens of which every choice is dropped */
  forward(x: Tensor, visible: Visible = null): Tensor {
    const { sequence, tokens } = rowsOf(x, visible);
    const rows = reshape(x, [sequence.length, x.shape[2]!]);
    const probs = this.expose('probs', softmax(linear(rows, this.router, null))); // [R, E]
    const chosen = topK(probs, this.options.topK); // [R, k]
    const routing = this.route(chosen, sequence, tokens);
    if (this.training && isCollecting()) this.contribute(probs, sequence, tokens, routing);
    const outputs = this.compute(rows, routing); // [P + 1, C]
    return reshape(this.combine(outputs, this.gates(probs, chosen), routing), x.shape);
  }

  private route(chosen: Tensor, sequence: Int32Array, tokens: number): Routing {
    const { experts, topK: perRow, capacityFactor } = this.options;
    const capacity = this.training ? expertCapacity(capacityFactor, tokens * perRow, experts) : Infinity;
    return routeTokens(chosen.data, perRow, experts, (row) => sequence[row]! >= 0, capacity);
  }

  /** Outputs of all experts one after the other, and a row of zeros. */
  private compute(rows: Tensor, { rows: mine }: Routing): Tensor {
    const { device } = rows;
    const width = rows.shape[1]!;
    const outputs = mine.flatMap((places, expert) => {
      if (places.length === 0) return [];
      const ids = tensor(places, [1, places.length], { dtype: 'int32', device });
      return [this.experts[expert]!.forward(embedding(rows, ids))];
    });
    return reshape(concat([...outputs, zeros([1, 1, width], { device })], 1), [-1, width]);
  }

  /** `[R, k]` */
  private gates(probs: Tensor, chosen: Tensor): Tensor {
    const best = gatherLast(probs, chosen);
    if (this.options.topK === 1) return best;
    return div(best, sum(best, { axes: -1, keepDims: true }));
  }

  /** Each row's outputs times their gates. */
  private combine(outputs: Tensor, gates: Tensor, { places }: Routing): Tensor {
    const [count, perRow] = gates.shape as [number, number];
    const nothing = outputs.shape[0]! - 1;
    const parts = Array.from({ length: perRow }, (_, j) => {
      const own = Int32Array.from({ length: count }, (_, row) => places[row * perRow + j]!);
      const ids = tensor(own, [count], { dtype: 'int32', device: outputs.device });
      return mul(embedding(outputs, ids, { paddingId: nothing }), slice(gates, 1, j, j + 1));
    });
    return parts.reduce(add);
  }

  /** The load-balancing loss, and the dropped choices for the log. */
  private contribute(probs: Tensor, sequence: Int32Array, tokens: number, routing: Routing): void {
    const { experts, balance } = this.options;
    const { wanted, choices, dropped } = routing;
    contributeMeasure('droppedTokens', { total: dropped, count: choices });
    if (choices === 0) return;
    // E f_e / tokens at tokens and 0 at padding, so that the sum of products is E Σ f_e P_e.
    const weights = new Float64Array(probs.size);
    sequence.forEach((n, row) => {
      if (n >= 0) weights.set(wanted, row * experts);
    });
    const shares = scale(
      tensor(weights, probs.shape, { device: probs.device }),
      experts / (choices * tokens),
    );
    const loss = sum(mul(probs, shares));
    contributeMeasure('balanceLoss', { total: loss.item(), count: 1 });
    contributeLoss(scale(loss, balance));
  }
}
