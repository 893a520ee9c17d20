/**
 * Pruning of attention heads: their rows of the projections leave the model.
 *
 * Papers: Michel, Levy & Neubig, Are Sixteen Heads Really Better than One?, 2019, https://arxiv.org/abs/1905.10650;
 * Voita et al. 2019, https://arxiv.org/abs/1905.09418
 */
import { Random } from '../core/random.ts';
import type { Tensor } from '../core/tensor.ts';
import { ConfigError } from '../errors.ts';
import { WeightModule } from '../nn/weight-module.ts';
import { keptHeads, type PrunedHeads } from './pruned-heads.ts';
import { Transformer } from './transformer.ts';

/** Both lists of heads, each head once. */
function joined(before: PrunedHeads, more: PrunedHeads): PrunedHeads {
  const paths = new Set([...Object.keys(before), ...Object.keys(more)]);
  const heads = (path: string): number[] => [...new Set([...(before[path] ?? []), ...(more[path] ?? [])])];
  return Object.fromEntries([...paths].map((path) => [path, heads(path).toSorted((a, b) => a - b)]));
}

/** Copies the blocks of some heads along the axis in which two tensors differ. */
function copyHeads(from: Tensor, to: Tensor, places: readonly number[]): void {
  const axis = from.shape.findIndex((size, i) => size !== to.shape[i]);
  const size = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);
  const outer = size(to.shape.slice(0, axis));
  const [width, whole] = [size(to.shape.slice(axis)), size(from.shape.slice(axis))];
  const block = width / places.length;
  for (let row = 0; row < outer; row++) {
    places.forEach((place, i) => {
      const start = row * whole + place * block;
      to.data.set(from.data.subarray(start, start + block), row * width + i * block);
    });
  }
}

/**
 * A model without some of its heads. Its outputs are those of the whole model with the gates of these heads at 0; its
 * `config.prunedHeads` says what is gone, so that it can be saved and loaded.
 *
 * @param heads - by path of the attention layer, counted as in the whole layer; heads that are gone already stay gone
 * @returns a smaller model; the given one is as it was
 * @throws {ConfigError} when a path or head does not exist, no head would be left, or the weights are quantised
 * @example
 * const smaller = pruneHeads(model, { 'encoder.layers.0.selfAttention': [1, 3] });
 */
export function pruneHeads(model: Transformer, heads: PrunedHeads): Transformer {
  const { config } = model;
  if (model.namedModules().some(([, module]) => module instanceof WeightModule && module.quantized)) {
    const hint = 'prune first, then quantize';
    throw new ConfigError({ where: 'pruneHeads', expected: 'float weights', got: 'quantised ones', hint });
  }
  const before = config.prunedHeads ?? {};
  const prunedHeads = joined(before, heads);
  const context = { random: new Random(0, 'pruned'), device: model.device };
  const smaller = new Transformer({ ...config, prunedHeads }, context);
  const values = model.stateDict();
  for (const [name, to] of smaller.stateDict()) {
    const from = values.get(name)!;
    const path = Object.keys(prunedHeads).find((layer) => name.startsWith(`${layer}.`));
    if (path === undefined || from.size === to.size) {
      to.data.set(from.data);
      continue;
    }
    const there = keptHeads(config.numHeads, before, path);
    const stay = keptHeads(config.numHeads, prunedHeads, path);
    copyHeads(
      from,
      to,
      stay.map((head) => there.indexOf(head)),
    );
  }
  return smaller.train(model.training);
}
