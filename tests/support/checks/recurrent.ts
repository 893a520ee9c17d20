/** What any right recurrent layer, convolution and alignment does; each check throws when it does not. */
import fc from 'fast-check';
import { expect } from 'vitest';
import {
  backward,
  Conv1d,
  ConvStack,
  LuongAttention,
  monotonicAlignment,
  noGrad,
  Packing,
  Random,
  Recurrent,
  type RecurrentCell,
  RecurrentLayer,
  type RecurrentState,
  Segments,
  Sequences,
  scope,
  slice,
  sum,
  type Tensor,
  tensor,
} from '../../../src/index.ts';
import { BahdanauAttention } from '../../../src/nn/attention/source-kinds.ts';
import { roundingOf } from '../devices.ts';
import { disturb } from '../models.ts';
import { expectNear, gradientOf, leaf, rowOf } from '../numbers.ts';
import { enumeratedAlignment, slowConvolution, slowRecurrent } from '../slow-recurrent.ts';

const cell = fc.constantFrom<RecurrentCell>('elman', 'elmanRelu', 'lstm', 'gru');
const lengthsOf = (most: number) => fc.array(fc.integer({ min: 0, max: 7 }), { maxLength: most });
const context = (seed: number, device: string) => ({ random: new Random(seed, 'recurrent'), device });

/** A layer of odd sizes with drawn weights, and rows for sequences one after the other. */
function drawn(
  kind: RecurrentCell,
  lengths: readonly number[],
  seed: number,
  device: string,
  bidirectional = false,
) {
  const options = { cell: kind, inputWidth: 3, width: 5, bidirectional };
  const layer = disturb(new RecurrentLayer(options, context(seed, device)), seed);
  const x = leaf([1, lengths.reduce((a, b) => a + b, 0), 3], seed, 'x', device);
  return { layer, x, packed: Sequences.packed(new Packing(lengths, x.device)) };
}

/** Start states of n sequences. */
function drawnStates(kind: RecurrentCell, n: number, seed: number, device: string): RecurrentState {
  const state = (purpose: string): Tensor => leaf([n, 5], seed, purpose, device);
  return { hidden: state('hidden'), cell: kind === 'lstm' ? state('cell') : null };
}

/** The formulas, sequence by sequence, number by number. */
export function recurrentEqualsLoops(device = 'reference'): void {
  fc.assert(
    fc.property(cell, lengthsOf(4), fc.nat(), (kind, lengths, seed) =>
      scope(() => {
        const { layer, x, packed } = drawn(kind, lengths, seed, device);
        const start = drawnStates(kind, lengths.length, seed, device);
        const { output, states } = layer.forward(x, packed, [start]);
        const { input, weight, bias } = layer.ahead;
        const weights = {
          ...{ input: input.weight.data, inputBias: input.bias!.data },
          ...{ state: weight.data, stateBias: bias.data },
        };
        let row = 0;
        const slow = lengths.map((length, i) => {
          const steps = Array.from({ length }, () => rowOf(x.data, row++, 3));
          const from = (of: Tensor | null): number[] => (of ? rowOf(of.data, i, 5) : new Array(5).fill(0));
          const own = slowRecurrent(kind, steps, weights, {
            hidden: from(start.hidden),
            cell: from(start.cell),
          });
          return { ...own, last: own.hidden.at(-1) ?? from(start.hidden) };
        });
        const tolerance = roundingOf(device);
        const all = slow.flatMap(({ hidden }) => hidden.flat());
        expectNear(output.data, all, tolerance, `${kind}: states`);
        const last = slow.flatMap((sequence) => sequence.last);
        expectNear(states[0]!.hidden.data, last, tolerance, `${kind}: last states`);
        if (kind === 'lstm') {
          const cells = slow.flatMap((sequence) => sequence.cell);
          expectNear(states[0]!.cell!.data, cells, tolerance, 'last cells');
        }
      }),
    ),
    { numRuns: 40 },
  );
}

/** Packed, padded and alone: the same states and gradients, both ways, whatever stands in the padding. */
export function recurrentIgnoresPadding(device = 'reference'): void {
  fc.assert(
    fc.property(cell, lengthsOf(4), fc.nat(), (kind, lengths, seed) =>
      scope(() => {
        const { layer, x, packed } = drawn(kind, lengths, seed, device, true);
        const room = 9;
        const wide = leaf([lengths.length, room, 3], seed, 'padding', device); // noise where there is padding
        let row = 0;
        const place = lengths.flatMap((length, b) => Array.from({ length }, (_, t) => [row++, b * room + t]));
        for (const [from, to] of place) wide.data.set(x.data.subarray(from! * 3, from! * 3 + 3), to! * 3);
        const a = layer.forward(x, packed);
        const b = layer.forward(wide, Sequences.padded(lengths, room, x.device));
        const rounding = roundingOf(device);
        const chosen = (of: ArrayLike<number>, side: 0 | 1, width: number): number[] =>
          place.flatMap((pair) => rowOf(of, pair[side]!, width));
        expectNear(chosen(b.output.data, 1, 10), chosen(a.output.data, 0, 10), rounding, `${kind}: states`);
        for (const direction of [0, 1]) {
          const [own, other] = [a, b].map(({ states }) => states[direction]!.hidden.data);
          expectNear(other!, own!, rounding, `${kind}: last states, direction ${direction}`);
        }
        if (place.length === 0) return;
        backward(sum(a.output));
        backward(sum(b.output));
        const grads = [gradientOf(x), gradientOf(wide)] as const;
        expectNear(chosen(grads[1], 1, 3), chosen(grads[0], 0, 3), rounding, `${kind}: gradients`);
        const total = (of: Float64Array): number => of.reduce((s, g) => s + Math.abs(g), 0);
        const [whole, real] = [total(grads[1]), total(grads[0])];
        expect(Math.abs(whole - real), 'gradient in the padding').toBeLessThanOrEqual(rounding * (1 + real));
      }),
    ),
    { numRuns: 40 },
  );
}

/** Backwards is forwards over the reversed sequence. */
export function reverseIsForwardsReversed(device = 'reference'): void {
  fc.assert(
    fc.property(cell, fc.integer({ min: 1, max: 6 }), fc.nat(), (kind, length, seed) =>
      scope(() => {
        const { layer, x, packed } = drawn(kind, [length], seed, device, true);
        for (const [name, parameter] of layer.ahead.namedParameters()) {
          layer.back!.stateDict().get(name)!.data.set(parameter.data);
        }
        const order = Array.from({ length }, (_, t) => length - 1 - t);
        const turned = tensor(
          order.flatMap((t) => rowOf(x.data, t, 3)),
          x.shape,
          { device },
        );
        const { output } = layer.forward(x, packed);
        const mirrored = layer.forward(turned, packed).output;
        for (let t = 0; t < length; t++) {
          const [ahead, back] = [rowOf(mirrored.data, length - 1 - t, 10), rowOf(output.data, t, 10)];
          expectNear(back.slice(5), ahead.slice(0, 5), roundingOf(device), `${kind} at ${t}`);
        }
      }),
    ),
    { numRuns: 30 },
  );
}

/** A text in two parts, the state handed over, gives what it gives at once. */
export function statesCarryOver(device = 'reference'): void {
  fc.assert(
    fc.property(
      cell,
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 0, max: 4 }),
      fc.nat(),
      (kind, a, b, seed) =>
        noGrad(() =>
          scope(() => {
            const options = { cell: kind, inputWidth: 3, width: 5, numLayers: 2 };
            const model = disturb(new Recurrent(options, context(seed, device)), seed);
            const x = leaf([2, a + b, 3], seed, 'x', device);
            const sequences = (length: number) => Sequences.padded([length, length], length, x.device);
            const whole = model.forward(x, sequences(a + b));
            const first = model.forward(slice(x, 1, 0, a), sequences(a));
            const second = model.forward(slice(x, 1, a), sequences(b), first.states);
            for (const row of [0, 1]) {
              const parts = [
                ...Array.from(first.output.data.subarray(row * a * 5, (row + 1) * a * 5)),
                ...Array.from(second.output.data.subarray(row * b * 5, (row + 1) * b * 5)),
              ];
              const all = whole.output.data.subarray(row * (a + b) * 5, (row + 1) * (a + b) * 5);
              expectNear(parts, all, roundingOf(device), `${kind}, row ${row}`);
            }
          }),
        ),
    ),
    { numRuns: 30 },
  );
}

/** Packed sequences of a convolution, each as its own loops say. */
export function convolutionEqualsLoops(device = 'reference'): void {
  const sizes = fc.record({
    taps: fc.integer({ min: 1, max: 4 }),
    stride: fc.integer({ min: 1, max: 3 }),
    dilation: fc.integer({ min: 1, max: 3 }),
    before: fc.integer({ min: 0, max: 4 }),
    after: fc.integer({ min: 0, max: 3 }),
  });
  fc.assert(
    fc.property(sizes, lengthsOf(3), fc.nat(), (window, lengths, seed) =>
      scope(() => {
        const { before, after, ...rest } = window;
        const options = { inputWidth: 3, outputWidth: 2, ...rest, padding: { before, after } };
        const layer = disturb(new Conv1d(options, context(seed, device)), seed);
        const x = leaf([1, lengths.reduce((a, b) => a + b, 0), 3], seed, 'x', device);
        const { data } = layer.weight;
        const weight = (o: number, i: number, c: number): number => data[(o * window.taps + i) * 3 + c]!;
        let row = 0;
        const expected = lengths.flatMap((length) => {
          const own = Array.from({ length }, () => rowOf(x.data, row++, 3));
          return slowConvolution(own, weight, layer.bias!.data, window).flat();
        });
        expectNear(layer.forward(x, lengths).data, expected, roundingOf(device), JSON.stringify(window));
      }),
    ),
    { numRuns: 60 },
  );
}

/** Which inputs an output depends on, by the gradient: places from the output, in order. */
export function seenPlaces(output: Tensor, at: number, x: Tensor): number[] {
  const [, length, width] = x.shape as [number, number, number];
  x.grad?.dispose();
  x.grad = undefined;
  backward(sum(slice(output, 1, at, at + 1)), { retain: true });
  const gradient = gradientOf(x);
  return Array.from({ length }, (_, t) => t).filter((t) => rowOf(gradient, t, width).some((g) => g !== 0));
}

/** The Jacobian of N layers of k taps reaches `1 + N (k − 1)` rows; a causal one none that comes later. */
export function receptiveFieldIsItsFormula(): void {
  const length = 31;
  for (const padding of ['causal', 'centred'] as const) {
    for (const [numLayers, taps, dilationGrowth] of [
      [1, 3, 1],
      [3, 3, 1],
      [2, 4, 1],
      [3, 2, 2],
      [3, 3, 2],
    ] as const) {
      const options = { dModel: 4, numLayers, taps, padding, dilationGrowth, activation: 'gelu' } as const;
      const stack = disturb(new ConvStack(options, context(numLayers, 'reference')), taps);
      const x = leaf([1, length, 4], 1, 'jacobian');
      const at = 15;
      const seen = seenPlaces(stack.forward(x), at, x);
      const reach = Array.from({ length: numLayers }, (_, i) => (taps - 1) * dilationGrowth ** i);
      const field = 1 + reach.reduce((a, b) => a + b, 0);
      const what = `${padding}, ${numLayers} layers of ${taps}, dilation × ${dilationGrowth}`;
      expect(stack.receptiveField, what).toBe(field);
      if (dilationGrowth === 1) expect(field, what).toBe(1 + numLayers * (taps - 1));
      const last =
        padding === 'causal' ? at : at + reach.reduce((sum, rows) => sum + Math.floor(rows / 2), 0);
      expect([seen[0], seen.at(-1)], what).toEqual([last - field + 1, last]);
    }
  }
}

/** Weights of packed attention are those of every query with its own keys; they sum to 1. */
export function sourceAttentionEqualsLoops(device = 'reference'): void {
  const pairs = fc.array(fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 1, max: 4 })), {
    minLength: 1,
    maxLength: 3,
  });
  fc.assert(
    fc.property(pairs, fc.constantFrom('bahdanau', 'luong', 'luongDot'), fc.nat(), (lengths, kind, seed) =>
      scope(() => {
        const options = { queryWidth: 5, memoryWidth: 5 };
        const attention = disturb(
          kind === 'bahdanau'
            ? new BahdanauAttention(options, context(seed, device))
            : new LuongAttention(options, context(seed, device), {
                score: kind === 'luong' ? 'general' : 'dot',
              }),
          seed,
        );
        const total = (side: 0 | 1): number => lengths.reduce((sum, pair) => sum + pair[side], 0);
        const query = leaf([1, total(0), 5], seed, 'query', device);
        const memory = leaf([1, total(1), 5], seed, 'memory', device);
        const packing = (side: 0 | 1) =>
          new Packing(
            lengths.map((pair) => pair[side]),
            query.device,
          );
        const visible = new Segments(packing(0), packing(1));
        const output = attention.attendTo(query, attention.project(memory), visible);
        let [t, s] = [0, 0];
        const expected = lengths.flatMap(([queries, keys]) => {
          const own = Array.from({ length: keys }, () => rowOf(memory.data, s++, 5));
          return Array.from({ length: queries }, () =>
            slowContext(attention, rowOf(query.data, t++, 5), own),
          ).flat();
        });
        expectNear(output.data, expected, roundingOf(device), kind);
      }),
    ),
    { numRuns: 40 },
  );
}

/** The context of one decoder state, number by number. */
export function slowContext(
  attention: BahdanauAttention | LuongAttention,
  query: readonly number[],
  memory: readonly (readonly number[])[],
): number[] {
  const times = (weight: ArrayLike<number>, x: readonly number[], row: number): number =>
    x.reduce((sum, value, c) => sum + weight[row * x.length + c]! * value, 0);
  const score = (state: readonly number[]): number =>
    query.reduce((sum, value, a) => {
      if (attention instanceof LuongAttention) {
        return sum + value * (attention.key ? times(attention.key.weight.data, state, a) : state[a]!);
      }
      const inner = times(attention.query.weight.data, query, a) + attention.query.bias!.data[a]!;
      const tanh = Math.tanh(inner + times(attention.key.weight.data, state, a));
      return sum + attention.vector.data[a]! * tanh;
    }, 0);
  const weights = memory.map((state) => Math.exp(score(state)));
  const total = weights.reduce((a, b) => a + b, 0);
  return query.map((_, c) => memory.reduce((sum, state, k) => sum + (weights[k]! / total) * state[c]!, 0));
}

/** The recurrence equals the sum over every path (Raffel et al. 2017). */
export function monotonicEqualsPaths(): void {
  const row = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 4, maxLength: 4 });
  fc.assert(
    fc.property(fc.array(row, { minLength: 1, maxLength: 5 }), (p) => {
      const { data } = monotonicAlignment(tensor(p, undefined, { device: 'reference' }));
      expectNear(data, enumeratedAlignment(p).flat(), 1e-12, 'expected alignment');
    }),
  );
}
