/** Bugs in relative positions. */
import {
  AlibiPosition,
  type AttentionPosition,
  ShawPosition,
  scale,
  T5Position,
  TransformerXlPosition,
} from '../../../src/index.ts';
import { alibiEqualsPairs, shawEqualsPairs, t5EqualsPairs, xlEqualsPairs } from '../checks/positions.ts';
import { type Mutant, patch } from './mutant.ts';

interface InAttention {
  inAttention(layer: number): AttentionPosition;
}

/** What positions do in attention, with some of it done wrongly. */
function inAttention(
  prototype: InAttention,
  wrong: (real: AttentionPosition) => Partial<AttentionPosition>,
): () => () => void {
  return () =>
    patch(
      prototype,
      'inAttention',
      (real) =>
        function (this: InAttention, layer) {
          const own = real.call(this, layer);
          return Object.assign(Object.create(own) as AttentionPosition, wrong(own));
        },
    );
}

/** Scores of a neighbour's distance. */
const offByOne = (real: AttentionPosition): Partial<AttentionPosition> => ({
  scores: (query, sizes) => {
    const scores = real.scores!(query, sizes);
    return { ...scores, first: scores.first! + 1 };
  },
});

export const positionMutants: readonly Mutant[] = [
  {
    name: "Shaw's vectors of the next distance",
    mutate: inAttention(ShawPosition.prototype, offByOne),
    caughtBy: shawEqualsPairs,
  },
  {
    name: "Shaw's vectors of the values left out",
    mutate: inAttention(ShawPosition.prototype, (real) => ({
      values: (bins) => scale(real.values!(bins), 0),
    })),
    caughtBy: shawEqualsPairs,
  },
  {
    name: "Shaw's products not scaled as those of the keys",
    mutate: inAttention(ShawPosition.prototype, (real) => ({
      scores: (query, sizes) => {
        const scores = real.scores!(query, sizes);
        return { ...scores, table: scale(scores.table!, 1 / sizes.scale) };
      },
    })),
    caughtBy: shawEqualsPairs,
  },
  {
    name: "T5's bucket of the next distance",
    mutate: inAttention(T5Position.prototype, offByOne),
    caughtBy: t5EqualsPairs,
  },
  {
    name: 'slopes of ALiBi in the order of other heads',
    mutate: inAttention(AlibiPosition.prototype, (real) => {
      const { slopes } = real as unknown as { readonly slopes: Float64Array };
      return { slopes: slopes.toReversed() } as Partial<AttentionPosition>;
    }),
    caughtBy: alibiEqualsPairs,
  },
  {
    name: 'sinusoids of Transformer-XL of the next distance',
    mutate: inAttention(TransformerXlPosition.prototype, offByOne),
    caughtBy: xlEqualsPairs,
  },
];
