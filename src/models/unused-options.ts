/** Options of a whole model that the mechanisms it is made of have no use for: asked for, they would do nothing. */
import type { ConfigIssue } from '../errors.ts';
import type { ScoreScale } from '../nn/attention/attend.ts';
import type { AttentionChoice } from '../nn/attention/kinds.ts';
import { type FeedForwardChoice, gateActivations } from '../nn/feed-forwards/index.ts';
import { kindOf } from '../nn/variants.ts';
import type { Activation } from '../ops/activate/index.ts';

/** What a configuration says of all layers. A value that is the default may not have been asked for. */
export interface SharedOptions {
  /** Kinds of self-attention, of every stack. */
  readonly selfAttention: readonly AttentionChoice[];
  readonly attentionScale: ScoreScale;
  readonly attentionDropout: number;
  readonly headDim?: number | undefined;
  readonly valueDim?: number | undefined;
  readonly feedForward: FeedForwardChoice;
  /** Absent where another part of the model has a use for it. */
  readonly activation?: Activation | undefined;
}

/** Why a kind of attention has no use for a field. */
const withoutUse: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  attentionScale: {
    bilinear: 'its scores are unscaled, the matrix between queries and keys scales them',
    additive: 'its scores are no products',
    linear: 'it makes no scores',
  },
  attentionDropout: { linear: 'it makes no weights that could be dropped' },
  headDim: { 'parameter-free': 'it has no heads' },
  valueDim: { 'parameter-free': 'it has no heads' },
};

/** A field that no self-attention of the model has a use for. */
function attentionIssue(field: keyof SharedOptions, options: SharedOptions): ConfigIssue[] {
  const kinds = options.selfAttention.map(kindOf);
  const reasons = kinds.map((kind) => withoutUse[field]?.[kind]);
  if (reasons.length === 0 || reasons.includes(undefined)) return [];
  const got = JSON.stringify(options[field]);
  return [
    { path: field, message: `goes not with attention ${kinds[0]}: ${reasons[0]}; leave it out, got ${got}` },
  ];
}

/** The activation that a gated network brings along, also as an expert. */
function gateOf(choice: FeedForwardChoice): Activation | undefined {
  const expert = typeof choice === 'object' && choice.kind === 'moe' ? choice.expert : undefined;
  const activations: Readonly<Record<string, Activation>> = gateActivations;
  return activations[expert ?? kindOf(choice)];
}

/**
 * What was asked for and would do nothing.
 *
 * @param defaults - values that are there unasked
 */
export function unusedOptions(
  options: SharedOptions,
  defaults: Pick<SharedOptions, 'attentionDropout' | 'activation'>,
): ConfigIssue[] {
  const { attentionScale, attentionDropout, headDim, valueDim, feedForward, activation } = options;
  const isScaled = attentionScale !== 'sqrt' && attentionScale !== 'none';
  const isDropped = attentionDropout > 0 && attentionDropout !== defaults.attentionDropout;
  const own = gateOf(feedForward);
  const isOther =
    own !== undefined && activation !== undefined && ![own, defaults.activation].includes(activation);
  return [
    ...(isScaled ? attentionIssue('attentionScale', options) : []),
    ...(isDropped ? attentionIssue('attentionDropout', options) : []),
    ...(headDim === undefined ? [] : attentionIssue('headDim', options)),
    ...(valueDim === undefined ? [] : attentionIssue('valueDim', options)),
    ...(isOther ? [activationIssue(feedForward, own, activation)] : []),
  ];
}

function activationIssue(choice: FeedForwardChoice, own: Activation, got: Activation): ConfigIssue {
  const kind = kindOf(choice);
  const message = `goes not with feedForward ${kind}, whose gate has an activation of its own (${own}); leave it out, got "${got}"`;
  return { path: 'activation', message };
}
