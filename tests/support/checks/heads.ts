/** What pruning of heads must keep. */
import { noGrad, pruneHeads } from '../../../src/index.ts';
import { MultiHeadAttention } from '../../../src/nn/attention/multi-head.ts';
import { roundingOf } from '../devices.ts';
import { logitsOf, padded, tinyModel } from '../models.ts';
import { expectNear } from '../numbers.ts';

const pruned = { 'encoder.layers.0.selfAttention': [1, 3], 'decoder.layers.1.selfAttention': [0] };

/** A model without some heads says what the whole model says with the gates of these heads at 0. */
export function prunedEqualsGated(device = 'reference'): void {
  const gates = { attention: { kind: 'multi-head', headGates: true }, numHeads: 4 } as const;
  const model = tinyModel(gates, device).eval();
  const smaller = pruneHeads(model, pruned);
  for (const [path, module] of model.namedModules()) {
    if (!(module instanceof MultiHeadAttention)) continue;
    for (const head of pruned[path as keyof typeof pruned] ?? []) module.gates!.data[head] = 0;
  }
  const [small, whole] = [smaller, model].map((each) => noGrad(() => logitsOf(each, padded)).data);
  expectNear(small!, whole!, roundingOf(device), 'logits');
}
