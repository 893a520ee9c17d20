/** What any right recurrent encoder–decoder does; each check throws when it does not. */
import fc from 'fast-check';
import { expect } from 'vitest';
import {
  add,
  capture,
  collectAuxiliary,
  type DecodingState,
  type Embedding,
  type Linear,
  type LuongAttention,
  mul,
  noGrad,
  Random,
  type Recurrent,
  type RecurrentCell,
  RecurrentSeq2Seq,
  type RecurrentSeq2SeqConfig,
  type SourceAttentionKind,
  scale,
  scope,
  sum,
  type Tensor,
} from '../../../src/index.ts';
import { roundingOf } from '../devices.ts';
import { expectGradients } from '../finite-differences.ts';
import { disturb } from '../models.ts';
import { expectNear, idTensor, rowOf } from '../numbers.ts';
import { type SlowCell, type SlowStart, type SlowWeights, slowRecurrent } from '../slow-recurrent.ts';
import { slowContext } from './recurrent.ts';

const VOCAB = 9;

/** A model whose every parameter is drawn. */
export function tinyRecurrent(
  config: Partial<RecurrentSeq2SeqConfig> = {},
  device = 'reference',
): RecurrentSeq2Seq {
  const sizes = { sourceVocabSize: VOCAB, targetVocabSize: VOCAB, dModel: 6, numLayers: 2, dropout: 0 };
  const model = new RecurrentSeq2Seq({ ...sizes, ...config }, { random: new Random(3, 'init'), device });
  return disturb(model, 3).eval();
}

const kind = fc
  .record({
    cell: fc.constantFrom<RecurrentCell>('elman', 'lstm', 'gru'),
    attention: fc.constantFrom<SourceAttentionKind>(
      ...(['none', 'bahdanau', 'luong', 'monotonic'] as const),
      { kind: 'luong', score: 'dot' },
      { kind: 'location-aware', taps: 3, filters: 2 },
    ),
    bidirectional: fc.boolean(),
    fed: fc.boolean(),
  })
  .map(({ fed, ...config }) => ({ ...config, inputFeeding: fed && config.attention !== 'none' }));
const ids = (least: number) =>
  fc.array(fc.integer({ min: 1, max: VOCAB - 1 }), { minLength: least, maxLength: 6 });
const pairs = fc.array(fc.record({ source: ids(1), target: ids(1) }), { minLength: 1, maxLength: 3 });
type Pairs = readonly { readonly source: readonly number[]; readonly target: readonly number[] }[];

const packed = (rows: readonly (readonly number[])[]) => ({
  ids: Int32Array.from(rows.flat()),
  lengths: rows.map(({ length }) => length),
});

/** Logits of every target token, pair by pair, `[pairs][T][V]`. */
function logitsOf(model: RecurrentSeq2Seq, batch: Pairs): number[][][] {
  const [source, target] = [batch.map((pair) => pair.source), batch.map((pair) => pair.target)];
  return noGrad(() =>
    scope(() => {
      const { data } = model.forwardPacked(packed(source), packed(target));
      let row = 0;
      return target.map((tokens) => tokens.map(() => rowOf(data, row++, VOCAB)));
    }),
  );
}

/** Sources in a rectangle, with noise where there is padding. */
function padded(sources: readonly (readonly number[])[]) {
  const length = Math.max(...sources.map((source) => source.length)) + 1;
  const rows = sources.map((source) => Array.from({ length }, (_, s) => source[s] ?? 5));
  const mask = sources.flatMap((source) => Array.from({ length }, (_, s) => Number(s < source.length)));
  return { ids: Int32Array.from(rows.flat()), mask: Uint8Array.from(mask), batch: sources.length, length };
}

function started(model: RecurrentSeq2Seq, batch: Pairs): DecodingState {
  const sources = padded(batch.map(({ source }) => source));
  return noGrad(() => scope(() => model.decodingOf(sources)));
}

/** Token by token from padded sources gives the logits of the packed pass; beams keep their own texts. */
export function recurrentStepsEqualForward(device = 'reference'): void {
  fc.assert(
    fc.property(kind, pairs, (config, batch) => {
      const model = tinyRecurrent(config, device);
      const full = logitsOf(model, batch);
      const state = started(model, batch);
      let rows = batch.map((_, i) => i);
      for (let t = 0; t < 6; t++) {
        const kept = rows.flatMap((pair, row) => (batch[pair]!.target.length > t ? [row, row] : []));
        if (kept.length === 0) break;
        rows = kept.map((row) => rows[row]!).slice(0, 4);
        state.select(kept.slice(0, 4));
        const tokens = rows.map((pair) => [batch[pair]!.target[t]!]);
        const logits = noGrad(() => scope(() => state.step!(idTensor(tokens, device))));
        rows.forEach((pair, row) => {
          const what = `${JSON.stringify(config)}: pair ${pair} after ${t + 1} tokens`;
          expectNear(rowOf(logits.data, row, VOCAB), full[pair]![t]!, roundingOf(device), what);
        });
        logits.dispose();
      }
      state.dispose();
    }),
    { numRuns: 40 },
  );
}

/** A pair in a batch gives what it gives alone. */
export function batchedEqualsAlone(device = 'reference'): void {
  fc.assert(
    fc.property(kind, pairs, (config, batch) => {
      const model = tinyRecurrent(config, device);
      const all = logitsOf(model, batch);
      batch.forEach((pair, i) => {
        expectNear(logitsOf(model, [pair])[0]!.flat(), all[i]!.flat(), roundingOf(device), `pair ${i}`);
      });
    }),
    { numRuns: 25 },
  );
}

/** Another target token changes nothing before it; another source token changes the first logits. */
export function recurrentFutureChangesNothing(): void {
  fc.assert(
    fc.property(kind, ids(1), ids(2), fc.nat(), (config, source, target, at) => {
      const model = tinyRecurrent(config);
      const place = at % target.length;
      const other = target.map((id, t) => (t === place ? (id % (VOCAB - 1)) + 1 : id));
      const [a, b] = [target, other].map((tokens) => logitsOf(model, [{ source, target: tokens }])[0]!);
      const same = a!.map((row, t) => row.every((value, v) => value === b![t]![v]));
      expect(same.slice(0, place).every(Boolean), 'the past').toBe(true);
      expect(same[place], 'the token itself').toBe(false);
      const changed = source.map((id, s) => (s === 0 ? (id % (VOCAB - 1)) + 1 : id));
      expect(logitsOf(model, [{ source: changed, target }])[0]![0]).not.toEqual(a![0]);
    }),
    { numRuns: 25 },
  );
}

const guided = { guidedWeight: 3, guidedWidth: 0.3 };
/** Kinds with the guided loss, and the plain ones of which every weight depends on the one before. */
export const guidedKinds: readonly Exclude<SourceAttentionKind, string>[] = [
  { kind: 'bahdanau', ...guided },
  { kind: 'luong', ...guided },
  { kind: 'monotonic', ...guided },
  { kind: 'location-aware', taps: 3, filters: 2, ...guided },
];

const fedAndNot = guidedKinds.flatMap((kind) => [
  { ...kind, inputFeeding: false },
  { ...kind, inputFeeding: true },
]);

const twoPairs: Pairs = [
  { source: [3, 1, 4, 1], target: [2, 7, 1] },
  { source: [5, 6], target: [1, 4, 1, 4, 2] },
];

/** The mean loss of a batch with what its attention contributes, as training adds them up. */
function trainingLoss(model: RecurrentSeq2Seq, batch: Pairs): Tensor {
  const { result, auxiliary } = collectAuxiliary(() =>
    model.forwardPacked(packed(batch.map(({ source }) => source)), packed(batch.map(({ target }) => target))),
  );
  return auxiliary.losses.reduce((total, loss) => add(total, loss), scale(sum(mul(result, result)), 0.05));
}

/** The guided loss of a batch: the weights of each pair, looked at alone, times what each place costs. */
export function guidedLossIsThatOfEachPair(device = 'reference'): void {
  for (const { inputFeeding, ...attention } of fedAndNot) {
    const common = { cell: 'gru', inputFeeding } as const;
    const model = tinyRecurrent({ attention, ...common }, device);
    const [plain, whole] = [{ ...attention, guidedWeight: 0, guidedWidth: 0.2 }, attention].map((kind) => {
      const own = tinyRecurrent({ attention: kind, ...common }, device);
      return scope(() => trainingLoss(own, twoPairs).item());
    });
    let [cost, pairs] = [0, 0];
    for (const { source, target } of twoPairs) {
      const [T, S] = [target.length, source.length];
      const { tensors } = noGrad(() =>
        capture(model, ['output.attention.weights'], () => {
          model.forwardPacked(packed([source]), packed([target]));
        }),
      );
      const weights = tensors.get('output.attention.weights')!;
      expect(weights.shape).toEqual([1, 1, T, S]);
      for (let t = 0; t < T; t++)
        for (let s = 0; s < S; s++)
          cost += weights.data[t * S + s]! * (1 - Math.exp(-((s / S - t / T) ** 2) / (2 * 0.3 ** 2)));
      pairs += T * S;
    }
    expectNear([whole! - plain!], [(3 * cost) / pairs], 100 * roundingOf(device), JSON.stringify(attention));
  }
}

/** Gradients of every parameter, the guided loss included, against central differences. */
export function guidedGradientsAreDifferences(cell: RecurrentCell): void {
  for (const { inputFeeding, ...attention } of fedAndNot) {
    const model = tinyRecurrent({ attention, cell, inputFeeding, dModel: 4, numLayers: 1 });
    const loss = (): Tensor => trainingLoss(model, twoPairs);
    expectGradients(loss, model.namedParameters(), `${cell}, ${attention.kind}:`);
  }
}

/** Weights of the first layer as scalar loops take them. */
function slowWeights({ layers }: Recurrent): SlowWeights {
  const { input, weight, bias } = layers[0]!.ahead;
  return {
    ...{ input: input.weight.data, inputBias: input.bias!.data },
    ...{ state: weight.data, stateBias: bias.data },
  };
}

const affine = ({ weight, bias }: Linear, x: readonly number[]): number[] =>
  Array.from(bias!.data, (offset, row) =>
    x.reduce((sum, value, c) => sum + weight.data[row * x.length + c]! * value, offset),
  );

/** Logits of one pair with input feeding: `h_t` of `[x_t; h̃_{t−1}]`, then `h̃_t = tanh(W [c_t; h_t])`. */
function slowFed(model: RecurrentSeq2Seq, { source, target }: Pairs[number]): number[] {
  const { config, encoder, decoder, output, sourceEmbedding, targetEmbedding, projection } = model;
  const cell = config.cell as SlowCell;
  const nothing = new Array<number>(config.dModel).fill(0);
  const vector = (table: Embedding, id: number): number[] => rowOf(table.weight.data, id, config.dModel);
  const run = (stack: Recurrent, steps: number[][], start: SlowStart) =>
    slowRecurrent(cell, steps, slowWeights(stack), start);
  const inputs = source.map((id) => vector(sourceEmbedding, id));
  const { hidden: memory, cell: last } = run(encoder, inputs, { hidden: nothing, cell: nothing });
  let state: SlowStart = { hidden: memory.at(-1)!, cell: last };
  let said = nothing;
  return target.flatMap((id) => {
    const next = run(decoder, [[...vector(targetEmbedding, id), ...said]], state);
    state = { hidden: next.hidden[0]!, cell: next.cell };
    const context = slowContext(output!.attention as LuongAttention, state.hidden, memory);
    said = affine(output!.combination, [...context, ...state.hidden]).map(Math.tanh);
    return affine(projection, said);
  });
}

/** Each step reads what the step before said, from the formulas, number by number. */
export function inputFeedingEqualsLoops(device = 'reference'): void {
  const cells = fc.constantFrom<RecurrentCell>('elman', 'lstm', 'gru');
  fc.assert(
    fc.property(cells, fc.constantFrom('bahdanau', 'luong'), pairs, (cell, attention, batch) => {
      const sizes = { bidirectional: false, numLayers: 1, inputFeeding: true };
      const model = tinyRecurrent({ cell, attention, ...sizes }, device);
      logitsOf(model, batch).forEach((logits, i) => {
        const what = `${cell}, ${attention}: pair ${i}`;
        expectNear(logits.flat(), slowFed(model, batch[i]!), roundingOf(device), what);
      });
    }),
    { numRuns: 30 },
  );
}
