/** Which heads a Transformer has lost, and what may be taken from it. */
import type { ConfigIssue } from '../errors.ts';
import type { AttentionChoice } from '../nn/attention/kinds.ts';
import type { AttentionRole } from '../nn/attention/layer.ts';
import type { PositionChoice, PositionKind } from '../nn/position/index.ts';
import { kindOf } from '../nn/variants.ts';

/**
 * Heads that are gone, by path of the attention layer: `{'encoder.layers.0.selfAttention': [1, 3]}`. They are counted as
 * in the whole layer.
 */
export type PrunedHeads = Readonly<Record<string, readonly number[]>>;

/** What the checks read of a configuration. */
interface Sizes {
  readonly numHeads: number;
  readonly numEncoderLayers: number;
  readonly numDecoderLayers: number;
  readonly shareLayers: boolean;
  readonly prunedHeads?: PrunedHeads | undefined;
}

/** What an attention layer works with. */
interface Chosen {
  readonly attention: AttentionChoice;
  /** The position information of its text; none between texts. */
  readonly position: PositionChoice;
}

/** Positions whose tables have a column for each head, shared by all layers. */
const perHead: ReadonlySet<string> = new Set<PositionKind>(['t5', 'alibi', 'transformer-xl', 'structural']);

/** Whether heads have scores of their own by position. */
function hasHeadScores(position: PositionChoice): boolean {
  const hasNoDistances =
    typeof position === 'object' && 'distances' in position && position.distances === false;
  return perHead.has(kindOf(position)) && !hasNoDistances;
}

/** The role of each attention layer by its path. */
function rolesOf({ numEncoderLayers, numDecoderLayers, shareLayers }: Sizes): Map<string, AttentionRole> {
  const layers = (count: number): number[] => Array.from({ length: shareLayers ? 1 : count }, (_, i) => i);
  return new Map([
    ...layers(numEncoderLayers).map((i) => [`encoder.layers.${i}.selfAttention`, 'encoder'] as const),
    ...layers(numDecoderLayers).map((i) => [`decoder.layers.${i}.selfAttention`, 'decoder'] as const),
    ...layers(numDecoderLayers).map((i) => [`decoder.layers.${i}.crossAttention`, 'cross'] as const),
  ]);
}

/** What is wrong with the pruned heads of a configuration. */
export function prunedHeadsIssues(config: Sizes, chosen: (role: AttentionRole) => Chosen): ConfigIssue[] {
  const roles = rolesOf(config);
  return Object.entries(config.prunedHeads ?? {}).flatMap(([path, heads]): ConfigIssue[] => {
    const role = roles.get(path);
    const message =
      role === undefined ? 'no attention layer has this path' : fault(config.numHeads, heads, chosen(role));
    return message ? [{ path: `prunedHeads.${path}`, message }] : [];
  });
}

function fault(
  numHeads: number,
  heads: readonly number[],
  { attention, position }: Chosen,
): string | undefined {
  const isHead = (head: number): boolean => Number.isSafeInteger(head) && head >= 0 && head < numHeads;
  if (!heads.every(isHead) || new Set(heads).size !== heads.length)
    return `expected different heads from 0 to ${numHeads - 1}, got ${JSON.stringify(heads)}`;
  if (heads.length >= numHeads) return `expected that a head stays, got all ${numHeads}`;
  const isJoined =
    typeof attention === 'object' &&
    attention.kind === 'multi-head' &&
    ((attention.numKvHeads ?? numHeads) !== numHeads ||
      attention.numHeads !== undefined ||
      attention.talkingHeads);
  if (kindOf(attention) !== 'multi-head' || isJoined) {
    const expected =
      'only multi-head attention with the heads of the model, each with a key head, which do not talk, loses heads';
    return `${expected}, got ${JSON.stringify(attention)}`;
  }
  return hasHeadScores(position)
    ? `position ${kindOf(position)} has scores for each head that all layers share`
    : undefined;
}

/** The heads of a layer that stay, in order. */
export function keptHeads(numHeads: number, pruned: PrunedHeads | undefined, path: string): number[] {
  const gone = new Set(pruned?.[path]);
  return Array.from({ length: numHeads }, (_, h) => h).filter((h) => !gone.has(h));
}
