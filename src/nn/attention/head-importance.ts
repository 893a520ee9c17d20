/**
 * How much the loss depends on each attention head.
 *
 * `I_h = E |∂L / ∂ξ_h|`, ξ_h a factor on the output of head h, at 1.
 *
 * Paper: Michel, Levy & Neubig, Are Sixteen Heads Really Better than One?, 2019, §4.1, https://arxiv.org/abs/1905.10650
 */

import { scope } from '../../core/scope.ts';
import { backward } from '../../core/tape.ts';
import { full, type Tensor } from '../../core/tensor.ts';
import { capture } from '../capture.ts';
import type { Module } from '../module.ts';
import { MultiHeadAttention } from './multi-head.ts';

/** `Σ context · ∂L/∂context` of each head: the derivative of the loss in a factor on the head. */
function gateGradients({ data, grad, shape }: Tensor, numHeads: number): Float64Array {
  const sums = new Float64Array(numHeads);
  const width = shape.at(-1)!;
  if (grad) {
    for (let i = 0; i < data.length; i++)
      sums[Math.floor(((i % width) * numHeads) / width)]! += data[i]! * grad.data[i]!;
  }
  return sums;
}

/**
 * The importance of every head of a model. Gates are not needed: a factor on a head has the derivative
 * `Σ context · ∂L/∂context`. The parameters' gradients are dropped.
 *
 * @param model - with multi-head attention; other kinds are left out
 * @param losses - of each batch: runs the model and gives the losses, whose sum is L
 * @returns for the path of each attention layer the mean of |∂L/∂ξ_h| over the batches, `[H]`
 * @throws {ConfigError} when no layer has heads
 * @example
 * const importance = headImportance(model, [() => model.losses(source, target, labels, options)]);
 */
export function headImportance(model: Module, losses: readonly (() => Tensor)[]): Map<string, Float64Array> {
  const layers = model
    .namedModules()
    .flatMap(([path, module]) => (module instanceof MultiHeadAttention ? [[path, module] as const] : []));
  const result = new Map(layers.map(([path, { numHeads }]) => [path, new Float64Array(numHeads)]));
  const join = (path: string): string => (path ? `${path}.context` : 'context');
  for (const loss of losses) {
    const { tensors } = scope(() => {
      const body = (): void => {
        const each = loss();
        backward(each, { grad: full(each.shape, 1, { device: each.device }) });
      };
      return capture(model, layers.length > 0 ? layers.map(([path]) => join(path)) : ['**.context'], body, {
        gradients: true,
      });
    });
    for (const [path, { numHeads }] of layers) {
      const context = tensors.get(join(path))!;
      const sums = result.get(path)!;
      gateGradients(context, numHeads).forEach((gradient, h) => {
        sums[h]! += Math.abs(gradient) / losses.length;
      });
      context.grad?.dispose();
      context.dispose();
    }
  }
  model.zeroGrad();
  return result;
}
