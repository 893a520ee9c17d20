/** What pruning of heads must keep. */
import { noGrad, type PrunedHeads, pruneHeads } from '../../../src/index.ts';
import { MultiHeadAttention } from '../../../src/nn/attention/multi-head.ts';
import { roundingOf } from '../devices.ts';
import { logitsOf, padded, tinyModel } from '../models.ts';
import { expectNear } from '../numbers.ts';

const gated = { kind: 'multi-head', headGates: true } as const;
const gates = { attention: gated, crossAttention: gated, numHeads: 4 } as const;

/** Positions, and heads that can go with them: those without scores of their own by position. */
const cases: readonly (readonly [Parameters<typeof tinyModel>[0], PrunedHeads])[] = [
  [{}, { 'encoder.layers.0.selfAttention': [1, 3], 'decoder.layers.1.selfAttention': [0] }],
  [{ position: 'alibi' }, { 'decoder.layers.1.crossAttention': [0, 3] }],
  [{ position: 't5', encoderPosition: 'shaw' }, { 'encoder.layers.0.selfAttention': [2] }],
];

/** A model without some heads says what the whole model says with the gates of these heads at 0. */
export function prunedEqualsGated(device = 'reference'): void {
  for (const [config, pruned] of cases) {
    const model = tinyModel({ ...gates, ...config }, device).eval();
    const smaller = pruneHeads(model, pruned);
    for (const [path, module] of model.namedModules()) {
      if (!(module instanceof MultiHeadAttention)) continue;
      for (const head of pruned[path] ?? []) module.gates!.data[head] = 0;
    }
    const [small, whole] = [smaller, model].map((each) => noGrad(() => logitsOf(each, padded)).data);
    expectNear(small!, whole!, roundingOf(device), `logits with ${JSON.stringify(config)}`);
  }
}
