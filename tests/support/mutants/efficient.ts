/** Bugs in attention of reduced cost. */
import { type AttentionParams, concat, slice, type Tensor, tensor } from '../../../src/index.ts';
import {
  linearEqualsLoops,
  projectionsAreSeparate,
  sparseEqualsLoops,
  windowEqualsLoops,
} from '../checks/efficient.ts';
import { type Mutant, mutateOp, mutateParams } from './mutant.ts';

const params = (name: string, change: (p: AttentionParams) => Partial<AttentionParams>) =>
  mutateParams<AttentionParams>(name, 'reference', (p) => ({ ...p, ...change(p) }));

/** An int32 tensor with other numbers. */
const changed = (x: Tensor, change: (value: number, place: number) => number): Tensor =>
  tensor(Int32Array.from(x.data, change), x.shape, { dtype: 'int32', device: x.device });

export const efficientMutants: readonly Mutant[] = [
  {
    name: 'a window that reaches one key too far back',
    mutate: params('attention', ({ window }) => (window ? { window: [window[0] + 1, window[1]] } : {})),
    caughtBy: windowEqualsLoops,
  },
  {
    name: 'a window that the causal rule does not cut',
    mutate: params('attention', ({ window }) => (window ? { causal: false } : {})),
    caughtBy: windowEqualsLoops,
  },
  {
    name: 'ranges of keys without their last key',
    mutate: mutateOp<AttentionParams, 'reference'>('sparseAttention', 'reference', (real) => (given, p) => {
      const ranges = given[5]!;
      const ends = ranges.size / 2;
      return real([...given.slice(0, 5), changed(ranges, (value, i) => value - Number(i >= ends))], p);
    }),
    caughtBy: sparseEqualsLoops,
  },
  {
    name: 'sums of linear attention that hold the future',
    mutate: params('linearAttention', () => ({ causal: false })),
    caughtBy: linearEqualsLoops,
  },
  {
    name: 'a projection that starts at the second column of its matrix',
    mutate: mutateOp<object, 'reference'>(
      'lengthProjection',
      'reference',
      (real) =>
        ([x, weight, starts], p) => {
          const turned = concat([slice(weight!, 2, 1), slice(weight!, 2, 0, 1)], 2);
          return real([x!, turned, starts!], p);
        },
    ),
    caughtBy: projectionsAreSeparate,
  },
];
