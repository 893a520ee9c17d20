/** Bugs in attention and its masks. */
import { zeroedAfterSoftmax } from '../../../labs/causal-masks.ts';
import {
  type AttentionParams,
  concat,
  mergeHeads,
  mul,
  permute,
  reshape,
  scale,
  splitHeads,
  type Tensor,
  tensor,
  transpose,
} from '../../../src/index.ts';
import { MultiHeadAttention } from '../../../src/nn/attention/multi-head.ts';
import {
  attentionEqualsLoops,
  causalEqualsShrinkingKeys,
  emptyRowsAreZero,
  everyPositionSeesEveryOther,
  headsEqualLoop,
  hiddenKeysNeverLeak,
} from '../checks/attention.ts';
import { softmaxHasItsJacobian, softmaxIsADistribution } from '../checks/layers.ts';
import {
  encoderIsReachedThroughCrossAttention,
  futureChangesNothing,
  futureHasNoGradient,
  paddingChangesNothing,
  stepsEqualDecode,
} from '../checks/model.ts';
import { type Mutant, mutateOp, mutateParams, patch } from './mutant.ts';

type Inputs = [q: Tensor, k: Tensor, v: Tensor, mask: Tensor | null];

const params = (change: (p: AttentionParams, inputs: readonly Tensor[]) => Partial<AttentionParams>) =>
  mutateParams<AttentionParams>('attention', 'reference', (p, inputs) => ({ ...p, ...change(p, inputs) }));

/** Other inputs for the real maths. */
const inputs = (change: (given: Inputs, p: AttentionParams) => Inputs) =>
  mutateOp<AttentionParams, 'reference'>(
    'attention',
    'reference',
    (real) => (given, p) => real(change(given as unknown as Inputs, p) as Tensor[], p),
  );

/** Another value in the hidden places of scores. */
const hiding = (value: number) =>
  mutateParams<{ value: number }>('keepWhere', 'compute', (p) => (p.value === -Infinity ? { value } : p));

const inverted = (mask: Tensor): Tensor =>
  tensor(
    Uint8Array.from(mask.data, (visible) => 1 - visible),
    mask.shape,
    { dtype: 'bool', device: mask.device },
  );

/** The channels of each token read as [D, H] instead of [H, D]. */
function interleaved(x: Tensor, heads: number): Tensor {
  const [batch, length, width] = x.shape as [number, number, number];
  return reshape(permute(reshape(x, [batch, length, width / heads, heads]), [0, 1, 3, 2]), x.shape);
}

const masks: readonly Mutant[] = [
  {
    name: 'causal mask one token too far (j <= i + 1)',
    mutate: params((p) => ({ causalOffset: p.causalOffset + 1 })),
    caughtBy: futureChangesNothing,
  },
  {
    name: 'causal mask strict (j < i)',
    mutate: params((p) => ({ causalOffset: p.causalOffset - 1 })),
    caughtBy: causalEqualsShrinkingKeys,
  },
  {
    name: 'causal mask missing',
    mutate: params(() => ({ causal: false })),
    caughtBy: futureHasNoGradient,
  },
  {
    name: 'causal mask in the encoder too',
    mutate: () =>
      patch(
        MultiHeadAttention.prototype,
        'forward',
        (real) =>
          function (this: MultiHeadAttention, x, memory, options = {}) {
            return real.call(this, x, memory, { ...options, causal: true });
          },
      ),
    caughtBy: everyPositionSeesEveryOther,
  },
  {
    name: 'weights of the future zeroed after softmax (F8)',
    mutate: mutateOp<AttentionParams, 'reference'>(
      'attention',
      'reference',
      (real) => (given, p) => (p.causal ? zeroedAfterSoftmax(given, p) : real(given, p)),
    ),
    caughtBy: futureChangesNothing,
  },
  {
    name: 'padding mask inverted',
    mutate: inputs(([q, k, v, mask]) => [q, k, v, mask && inverted(mask)]),
    caughtBy: paddingChangesNothing,
  },
  {
    name: 'padding mask ignored',
    mutate: inputs(([q, k, v]) => [q, k, v, null]),
    caughtBy: paddingChangesNothing,
  },
  {
    name: 'padding mask ignored where there is a causal one',
    mutate: inputs(([q, k, v, mask], { causal }) => [q, k, v, causal ? null : mask]),
    caughtBy: attentionEqualsLoops,
  },
  {
    name: '+∞ instead of −∞ in hidden places (F9)',
    mutate: hiding(Infinity),
    caughtBy: futureChangesNothing,
  },
  {
    name: '−1000 added to hidden scores',
    mutate: mutateOp<{ value: number }, 'compute'>('keepWhere', 'compute', (real) => (context) => {
      real({ ...context, params: { value: Number.NaN } });
      const [x, output] = [context.inputs[0]!.data, context.output.data];
      for (let i = 0; i < x.length; i++) if (Number.isNaN(output[i])) output[i] = x[i]! - 1000;
    }),
    caughtBy: hiddenKeysNeverLeak,
  },
  {
    name: 'a finite minimum, so that an empty row is an average',
    mutate: hiding(-1e30),
    caughtBy: emptyRowsAreZero,
  },
];

const products: readonly Mutant[] = [
  { name: 'scale dropped', mutate: params(() => ({ scale: 1 })), caughtBy: attentionEqualsLoops },
  {
    name: 'scores divided by D instead of √D',
    mutate: params((p) => ({ scale: p.scale ** 2 })),
    caughtBy: attentionEqualsLoops,
  },
  {
    name: 'scores divided by the root of the model width',
    mutate: params((_, given) => ({ scale: 1 / Math.sqrt(given[0]!.shape[2]!) })),
    caughtBy: headsEqualLoop,
  },
  {
    name: 'keys and values swapped',
    mutate: inputs(([q, k, v, mask]) => [q, v, k, mask]),
    caughtBy: headsEqualLoop,
  },
  {
    name: 'channels split as [D, H] instead of [H, D]',
    mutate: mutateOp<AttentionParams, 'reference'>('attention', 'reference', (real) => (given, p) => {
      const [q, k, v] = given.slice(0, 3).map((x) => interleaved(x, p.numHeads)) as [Tensor, Tensor, Tensor];
      return real([q, k, v, given[3]!], p);
    }),
    caughtBy: headsEqualLoop,
  },
  {
    name: 'heads joined in reverse',
    mutate: mutateOp<AttentionParams, 'reference'>('attention', 'reference', (real) => (given, p) => {
      const heads = splitHeads(real(given, p), p.numHeads);
      const order = Array.from({ length: p.numHeads }, (_, h) => p.numHeads - 1 - h);
      const each = heads.size / heads.shape[0]! / p.numHeads;
      const turned = order.flatMap((h) => Array.from(heads.data.subarray(h * each, (h + 1) * each)));
      return heads.shape[0] === 1 ? mergeHeads(tensor(turned, heads.shape, heads)) : mergeHeads(heads);
    }),
    caughtBy: headsEqualLoop,
  },
  {
    name: 'groups of heads dealt out in turn',
    mutate: mutateOp<AttentionParams, 'reference'>(
      'attention',
      'reference',
      (real) =>
        ([q, k, v, mask], p) => {
          const times = (x: Tensor): Tensor =>
            concat(new Array<Tensor>(p.numHeads / p.numKvHeads).fill(x), 2);
          return real([q!, times(k!), times(v!), mask!], { ...p, numKvHeads: p.numHeads });
        },
    ),
    caughtBy: attentionEqualsLoops,
  },
  {
    name: 'cross-attention over the decoder’s own state',
    mutate: () =>
      patch(
        MultiHeadAttention.prototype,
        'forward',
        (real) =>
          function (this: MultiHeadAttention, x, memory, options) {
            return real.call(this, x, x, x === memory ? options : {});
          },
      ),
    caughtBy: encoderIsReachedThroughCrossAttention,
  },
  {
    name: 'new tokens of a step see the first tokens only',
    mutate: params(() => ({ causalOffset: 0 })),
    caughtBy: stepsEqualDecode,
  },
  {
    name: 'the unused room of the cache is attended to',
    mutate: mutateOp<AttentionParams, 'reference'>('attention', 'reference', (real) => (given, p) => {
      const room = given[1]!.shape[1]!;
      return real(given, p.keyLength < room ? { ...p, causal: false, keyLength: room } : p);
    }),
    caughtBy: stepsEqualDecode,
  },
];

const softmaxes: readonly Mutant[] = [
  {
    name: 'softmax over the queries',
    mutate: mutateOp<object, 'compute'>(
      'softmax',
      'compute',
      (real) =>
        ({ inputs: [x], output, params: p }) => {
          const columns = transpose(x!);
          real({ inputs: [columns], output: columns, params: p });
          output.data.set(transpose(columns).data);
        },
    ),
    caughtBy: softmaxIsADistribution,
  },
  {
    name: 'softmax without subtracting the largest score',
    mutate: mutateOp<object, 'compute'>('softmax', 'compute', () => ({ inputs: [x], output }) => {
      const columns = x!.shape.at(-1)!;
      for (let at = 0; at < x!.size; at += columns) {
        const row = Array.from(x!.data.subarray(at, at + columns), Math.exp);
        const total = row.reduce((a, b) => a + b, 0);
        output.data.set(
          row.map((value) => value / total),
          at,
        );
      }
    }),
    caughtBy: softmaxIsADistribution,
  },
  {
    name: 'softmax with the diagonal of its Jacobian only',
    mutate: mutateOp<object, 'backward'>('softmax', 'backward', () => ({ output, grad }) => [
      mul(grad, mul(output, scale(output, -1, 1))),
    ]),
    caughtBy: softmaxHasItsJacobian,
  },
];

export const attentionMutants: readonly Mutant[] = [...masks, ...products, ...softmaxes];
