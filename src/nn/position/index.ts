/** Kinds of position information by name; a new one is a file and a line here. */
import type { ModuleContext } from '../module.ts';
import { type Choice, exclusive, makeVariant, variant } from '../variants.ts';
import { AlibiPosition } from './alibi.ts';
import { CountingPosition, NormalizedPosition } from './counting.ts';
import { GridPosition } from './grid.ts';
import { LearnedPosition } from './learned.ts';
import { NoPosition } from './none.ts';
import type { Position, PositionSizes } from './position.ts';
import { RotaryPosition, rotaryClash, rotaryDefaults, rotaryScalings } from './rotary.ts';
import { ShawPosition } from './shaw.ts';
import { SinusoidalPosition, sinusoidLayouts } from './sinusoidal.ts';
import { StructuralPosition } from './structural.ts';
import { T5Position } from './t5.ts';
import { TransformerXlPosition } from './transformer-xl.ts';

export { AlibiPosition, alibiSlopes } from './alibi.ts';
export { CountingPosition, NormalizedPosition } from './counting.ts';
export { GridPosition, gridTable } from './grid.ts';
export { LearnedPosition } from './learned.ts';
export { NoPosition } from './none.ts';
export {
  type AttentionPosition,
  type Places,
  Position,
  type PositionSizes,
  type RelativeSizes,
  tooManyPositions,
} from './position.ts';
export {
  type RotaryAngles,
  RotaryPosition,
  type RotaryPositionOptions,
  type RotaryScaling,
  rotaryFrequencies,
  rotaryTable,
} from './rotary.ts';
export { ShawPosition } from './shaw.ts';
export { SinusoidalPosition, type SinusoidLayout, sinusoidalTable } from './sinusoidal.ts';
export { StructuralPosition, type StructuralPositionOptions, TreeDistanceScores } from './structural.ts';
export { type BucketOptions, T5Position, t5Bucket } from './t5.ts';
export { TransformerXlPosition } from './transformer-xl.ts';

type Args = readonly [sizes: PositionSizes, context: ModuleContext];

const rotaryRules = {
  layout: { type: 'choice', of: ['interleaved', 'halves'], default: 'interleaved' },
  base: { type: 'number', above: 1, default: rotaryDefaults.base },
  scaling: { type: 'choice', of: rotaryScalings, default: 'none' },
  factor: { type: 'number', min: 1, default: rotaryDefaults.factor },
  trainedLength: { type: 'count', default: rotaryDefaults.trainedLength },
  lowFreqFactor: { type: 'number', above: 0, default: rotaryDefaults.lowFreqFactor },
  highFreqFactor: { type: 'number', above: 0, default: rotaryDefaults.highFreqFactor },
  rotaryDim: { type: 'count', min: 2 },
} as const;

/** Kinds of position information. */
export const positions = exclusive(
  'alibi and learned positions, say, both tell places, one in the scores and one in the token vectors',
  {
    none: variant({}, () => new NoPosition()),
    counting: variant({}, () => new CountingPosition()),
    normalized: variant({}, (_, ...[sizes]: Args) => new NormalizedPosition(sizes)),
    sinusoidal: variant(
      { layout: { type: 'choice', of: sinusoidLayouts, default: 'interleaved' } },
      ({ layout }, ...[{ width, maxSeqLen }, context]: Args) =>
        new SinusoidalPosition(width, maxSeqLen, context, layout),
    ),
    learned: variant(
      {},
      (_, ...[{ width, maxSeqLen, initializerStd }, context]: Args) =>
        new LearnedPosition(width, maxSeqLen, context, initializerStd),
    ),
    grid: variant(
      { columns: { type: 'count', default: 16 } },
      ({ columns }, ...[{ width, maxSeqLen }, context]: Args) =>
        new GridPosition(width, maxSeqLen, columns, context),
      (_, { width }) =>
        width % 4
          ? `rows and columns need sines and cosines: expected dModel divisible by 4, got ${width}`
          : undefined,
    ),
    shaw: variant(
      { maxDistance: { type: 'count', default: 16 } },
      ({ maxDistance }, ...[sizes, context]: Args) => new ShawPosition(sizes, maxDistance, context),
    ),
    rope: variant(
      rotaryRules,
      (options, ...[{ headDim, maxSeqLen }, context]: Args) =>
        new RotaryPosition(headDim, maxSeqLen, options, context),
      (options, { headDim }) => rotaryClash(options, headDim),
    ),
    t5: variant(
      { numBuckets: { type: 'count', min: 4, default: 32 }, maxDistance: { type: 'count', default: 128 } },
      (options, ...[sizes, context]: Args) => new T5Position(sizes, options, context),
      ({ numBuckets, maxDistance }, { causal }) => {
        if (!causal && numBuckets % 2)
          return `half of the buckets is for keys on each side: expected an even numBuckets, got ${numBuckets}`;
        return maxDistance <= numBuckets / 2
          ? `expected maxDistance above numBuckets / 2 (${numBuckets / 2}), got ${maxDistance}`
          : undefined;
      },
    ),
    alibi: variant({}, (_, ...[{ numHeads, causal }]: Args) => new AlibiPosition(numHeads, causal)),
    'transformer-xl': variant(
      {},
      (_, ...[sizes, context]: Args) => new TransformerXlPosition(sizes, context),
    ),
    structural: variant(
      {
        order: { type: 'flag', default: true },
        depths: { type: 'flag', default: true },
        distances: { type: 'flag', default: true },
        maxDistance: { type: 'count', default: 16 },
      },
      (options, ...[sizes, context]: Args) => new StructuralPosition(sizes, options, context),
      ({ depths, distances }, { causal }) => {
        if (causal) return 'the text that a decoder writes has no tree yet; choose it as encoderPosition';
        return depths || distances ? undefined : 'expected depths, distances or both';
      },
    ),
  } as const,
);

/** Kinds that add scores by distance in attention: those whose attention makes no scores pair by pair cannot have them. */
export const scoringPositions: ReadonlySet<string> = new Set<PositionKind>([
  'shaw',
  't5',
  'alibi',
  'transformer-xl',
  'structural',
]);

/** Kinds that need the trees of the texts. */
export const treePositions: ReadonlySet<string> = new Set<PositionKind>(['structural']);

/** Names of the position encodings. */
export type PositionKind = keyof typeof positions;
/** `rope`, or `{kind: 'rope', layout: 'halves'}`. */
export type PositionChoice = Choice<typeof positions>;

/** Position information for a stack of layers. */
export function makePosition(choice: PositionChoice, sizes: PositionSizes, context: ModuleContext): Position {
  return makeVariant<Args, Position>('makePosition', positions, choice, sizes, context);
}
