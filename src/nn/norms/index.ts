/** Kinds of norms by name; a new one is a file and a line here. */
import type { ModuleContext } from '../module.ts';
import { type Choice, makeVariant, variant } from '../variants.ts';
import { BatchNorm } from './batch-norm.ts';
import { LayerNorm } from './layer-norm.ts';
import type { Norm, NormSizes } from './norm.ts';
import { RmsNorm } from './rms-norm.ts';
import { ScaleNorm } from './scale-norm.ts';
import { SentenceNorm } from './sentence-norm.ts';

export { BatchNorm, type BatchNormOptions } from './batch-norm.ts';
export { LayerNorm } from './layer-norm.ts';
export { Norm, type NormSizes } from './norm.ts';
export { RmsNorm } from './rms-norm.ts';
export { ScaleNorm } from './scale-norm.ts';
export { SentenceNorm } from './sentence-norm.ts';

type Args = readonly [sizes: NormSizes, context: ModuleContext];

/** Share of a new batch in the moving statistics of BatchNorm. */
const defaultMomentum = 0.1;

/** Kinds of norms. */
export const norms = {
  layer: variant({}, (_, ...[{ width, eps }, context]: Args) => new LayerNorm(width, context, eps)),
  rms: variant({}, (_, ...[{ width, eps }, context]: Args) => new RmsNorm(width, context, eps)),
  scale: variant({}, (_, ...[{ width, eps }, context]: Args) => new ScaleNorm(width, context, eps)),
  batch: variant(
    {
      statistics: { type: 'choice', of: ['moving', 'cumulative'], default: 'moving' },
      momentum: { type: 'rate', default: defaultMomentum },
    },
    (options, ...[{ width, eps }, context]: Args) => new BatchNorm(width, context, eps, options),
    ({ momentum, statistics }) => {
      if (momentum === 0) return 'expected momentum above 0, got 0: nothing would be learned';
      return statistics === 'cumulative' && momentum !== defaultMomentum
        ? `momentum goes not with statistics cumulative, which weigh all batches alike; leave it out, got ${momentum}`
        : undefined;
    },
  ),
  sentence: variant(
    {},
    (_, ...[{ width, eps }, context]: Args) => new SentenceNorm(width, context, eps),
    (_, { causal }) =>
      causal
        ? 'a mean over a whole text would show the decoder its later tokens; only for encoderNorm'
        : undefined,
  ),
} as const;

/** `rms`, or a group of `kind` and its options. */
export type NormChoice = Choice<typeof norms>;

/** A norm of the kind that was chosen. */
export function makeNorm(choice: NormChoice, sizes: NormSizes, context: ModuleContext): Norm {
  return makeVariant<Args, Norm>('makeNorm', norms, choice, sizes, context);
}
