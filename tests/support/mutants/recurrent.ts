/** Bugs in recurrent layers, convolutions and the attention of recurrent decoders. */
import {
  BahdanauAttention,
  concat,
  MonotonicAttention,
  Recurrent,
  type RecurrentStates,
  recurrentCells,
  reshape,
  Sequences,
  type StepState,
  scale,
  slice,
  type Tensor,
  tensor,
} from '../../../src/index.ts';
import { AttentiveOutput } from '../../../src/models/attentive-output.ts';
import {
  convolutionEqualsLoops,
  monotonicEqualsPaths,
  receptiveFieldIsItsFormula,
  recurrentEqualsLoops,
  recurrentIgnoresPadding,
  reverseIsForwardsReversed,
  sourceAttentionEqualsLoops,
  statesCarryOver,
} from '../checks/recurrent.ts';
import {
  guidedLossIsThatOfEachPair,
  inputFeedingEqualsLoops,
  recurrentFutureChangesNothing,
  recurrentStepsEqualForward,
} from '../checks/recurrent-seq2seq.ts';
import { type Mutant, mutateOp, mutateParams, patch } from './mutant.ts';

interface RecurrentParams {
  readonly reverse: boolean;
}
interface WindowParams {
  readonly before: number;
}

type CellName = 'lstm' | 'gru';
type Step = (x: Tensor, u: Tensor, before: StepState) => StepState;

/** Plants a bug in the step of a cell. */
function mutateStep(cell: CellName, change: (real: Step) => Step): () => () => void {
  return () => patch(recurrentCells[cell] as { step: Step }, 'step', change);
}

/** The blocks of gates in another order. */
function reordered(x: Tensor, order: readonly number[]): Tensor {
  const width = x.shape[1]! / order.length;
  return concat(
    order.map((gate) => slice(x, 1, gate * width, (gate + 1) * width)),
    1,
  );
}

function mutateStart(change: (states: RecurrentStates | null) => RecurrentStates | null): () => () => void {
  return () =>
    patch(
      Recurrent.prototype,
      'forward',
      (real) =>
        function (this: Recurrent, x, sequences, start = null) {
          return real.call(this, x, sequences, change(start));
        },
    );
}

const layers: readonly Mutant[] = [
  {
    name: 'LSTM: input gate and forget gate swapped',
    mutate: mutateStep('lstm', (real) => (x, u, before) => {
      const order = [1, 0, 2, 3];
      return real(reordered(x, order), reordered(u, order), before);
    }),
    caughtBy: recurrentEqualsLoops,
  },
  {
    name: 'LSTM: the output is the cell state, without its tanh',
    mutate: mutateStep('lstm', (real) => (x, u, before) => {
      const { cell } = real(x, u, before);
      return { hidden: cell!, cell };
    }),
    caughtBy: recurrentEqualsLoops,
  },
  {
    name: 'GRU: the update gate keeps the new state',
    mutate: mutateStep('gru', (real) => (x, u, before) => {
      const turned = (of: Tensor): Tensor => {
        const width = of.shape[1]! / 3;
        const [r, z, n] = [0, 1, 2].map((gate) => slice(of, 1, gate * width, (gate + 1) * width));
        return concat([r!, scale(z!, -1), n!], 1); // 1 − σ(z) = σ(−z)
      };
      return real(turned(x), turned(u), before);
    }),
    caughtBy: recurrentEqualsLoops,
  },
  {
    name: 'recurrent layers walk through the padding',
    mutate: () =>
      patch(
        Sequences,
        'padded',
        (real) => (lengths, room, device) => real(new Array(lengths.length).fill(room), room, device),
      ),
    caughtBy: recurrentIgnoresPadding,
  },
  {
    name: 'the way back goes forwards',
    mutate: mutateParams<RecurrentParams>('recurrent', 'reference', (p) => ({ ...p, reverse: false })),
    caughtBy: reverseIsForwardsReversed,
  },
  { name: 'states are not handed over', mutate: mutateStart(() => null), caughtBy: statesCarryOver },
  {
    name: 'the cell state is not handed over',
    mutate: mutateStart(
      (states) => states?.map((layer) => layer.map(({ hidden }) => ({ hidden, cell: null }))) ?? null,
    ),
    caughtBy: statesCarryOver,
  },
];

/** One sequence of all rows. */
function withoutBorders(starts: Tensor): Tensor {
  const n = starts.shape[1]!;
  const values = [0, starts.data[n - 1]!, 0, starts.data[2 * n - 1]!];
  return tensor(values, [2, 2], { dtype: 'int32', device: starts.device });
}

const convolutions: readonly Mutant[] = [
  {
    name: 'windows of a convolution lie one row too late',
    mutate: mutateParams<WindowParams>('unfold', 'compute', (p) => ({ ...p, before: p.before - 1 })),
    caughtBy: convolutionEqualsLoops,
  },
  {
    name: 'the gradient of a convolution lies one row too late',
    mutate: mutateParams<WindowParams>('fold', 'compute', (p) => ({ ...p, before: p.before - 1 })),
    caughtBy: receptiveFieldIsItsFormula,
  },
  {
    name: 'windows reach into the next sequence',
    mutate: mutateOp<WindowParams, 'compute'>('unfold', 'compute', (real) => (context) => {
      const [x, starts] = context.inputs as [Tensor, Tensor];
      real({ ...context, inputs: [x, withoutBorders(starts)] });
    }),
    caughtBy: convolutionEqualsLoops,
  },
];

const attentions: readonly Mutant[] = [
  {
    name: 'additive attention does not score the keys',
    mutate: mutateOp<object, 'reference'>(
      'additiveAttention',
      'reference',
      (real) =>
        ([query, key, ...rest], p) =>
          real([query!, scale(key!, 0), ...rest], p),
    ),
    caughtBy: sourceAttentionEqualsLoops,
  },
  {
    name: 'additive attention sees the other sources',
    mutate: mutateOp<object, 'reference'>('additiveAttention', 'reference', (real) => (inputs, p) => {
      const [starts, ...others] = [...inputs].reverse() as Tensor[];
      return real([...others.reverse(), withoutBorders(starts!)], p);
    }),
    caughtBy: sourceAttentionEqualsLoops,
  },
  {
    name: 'monotonic attention starts over for every output',
    mutate: mutateOp<object, 'compute'>('monotonicAlignment', 'compute', (real) => (context) => {
      const p = context.inputs[0]!;
      const [T, S] = p.shape as [number, number];
      real({ ...context, inputs: [reshape(p, [T, 1, S])] });
    }),
    caughtBy: monotonicEqualsPaths,
  },
  {
    name: 'decoding forgets where monotonic attention stopped',
    mutate: () =>
      patch(
        MonotonicAttention.prototype,
        'align',
        (real) =>
          function (this: MonotonicAttention, query, memory, mask) {
            return real.call(this, query, memory, mask, null);
          },
      ),
    caughtBy: recurrentStepsEqualForward,
  },
  {
    name: 'the guided loss sees weights on padding',
    mutate: () =>
      patch(
        BahdanauAttention.prototype,
        'align',
        (real) =>
          function (this: BahdanauAttention, query, memory) {
            return real.call(this, query, memory, null);
          },
      ),
    caughtBy: guidedLossIsThatOfEachPair,
  },
  {
    name: 'the decoder starts every step from nothing',
    mutate: mutateStart(() => null),
    caughtBy: recurrentStepsEqualForward,
  },
  {
    name: 'input feeding feeds half of what was said',
    mutate: () =>
      patch(
        AttentiveOutput.prototype,
        'step',
        (real) =>
          function (this: AttentiveOutput, states, memory, visible, before) {
            const step = real.call(this, states, memory, visible, before);
            return { ...step, output: scale(step.output, 0.5) };
          },
      ),
    caughtBy: inputFeedingEqualsLoops,
  },
  {
    name: 'the decoder reads its own future',
    mutate: mutateOp<RecurrentParams, 'reference'>('recurrent', 'reference', (real) => (inputs, p) => {
      const [x, ...rest] = inputs;
      const next = concat([slice(x!, 0, 1), slice(x!, 0, -1)], 0); // each row that of the next step
      return real([next, ...rest], p);
    }),
    caughtBy: recurrentFutureChangesNothing,
  },
];

export const recurrentMutants: readonly Mutant[] = [...layers, ...convolutions, ...attentions];
