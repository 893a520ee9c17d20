/**
 * One step of a Transformer's decoder (Vaswani et al. 2017) for one text after another in float64 loops, and the call of
 * the kernel that does it at once.
 */
import { type Activation, activationCode } from '../../src/ops/activate/index.ts';
import { activations, type Numbers, noise } from './native-kernels.ts';
import { rowOf } from './numbers.ts';
import { randomCodes, slowRound } from './slow-quantized.ts';

/** Sizes and choices of a step. */
export interface StepSetup {
  readonly rows: number;
  readonly C: number;
  readonly H: number;
  readonly keyWidth: number;
  readonly valueWidth: number;
  readonly F: number;
  readonly layers: number;
  readonly V: number;
  /** Tokens of the source, and of the targets so far. */
  readonly S: number;
  readonly place: number;
  readonly best: number;
  readonly preNorm: boolean;
  readonly activation: Activation;
  /** Positions are added, or turn halves or neighbours. */
  readonly position: 'added' | 'halves' | 'interleaved';
  readonly panels: boolean;
  /** Whether networks have a gate. */
  readonly gated: boolean;
  /** Whether norms go by the root mean square alone. */
  readonly rms: boolean;
  /** Of the codes of weights; 0 where these are numbers. */
  readonly bits: 0 | 4 | 8;
}

type Vector = readonly number[];

/** A matrix `[N, K]`. */
interface Matrix {
  readonly N: number;
  readonly K: number;
  readonly values: Float32Array | Float64Array;
  /** What stands in memory for the values; absent where these do. */
  readonly coded?: { readonly codes: Numbers; readonly scales: Float32Array };
}
/** A matrix with a bias `[N]`. */
interface Affine {
  readonly weight: Matrix;
  readonly bias: Float32Array;
}
interface Norm {
  readonly gain: Float32Array;
  /** Null where there is no mean to take off. */
  readonly bias: Float32Array | null;
}

/** What grows from `seed`: matrices whose products keep the size of their input, gains near 1. */
function maker(seed: number, bits: StepSetup['bits']) {
  let next = seed;
  const numbers = (n: number, size: number): Float32Array => noise(n, next++).map((value) => value * size);
  const matrix = (N: number, K: number): Matrix => {
    if (bits === 0) return { N, K, values: numbers(N * K, Math.sqrt(3 / K)) };
    const size = 3 / (2 ** (bits - 1) * Math.sqrt(K));
    const { values, ...coded } = randomCodes(N, K, bits, { seed: next, size });
    next += 2;
    return { N, K, values, coded };
  };
  return {
    numbers,
    matrix,
    affine: (N: number, K: number): Affine => ({ weight: matrix(N, K), bias: numbers(N, 0.2) }),
    norm: (C: number, rms: boolean): Norm => ({
      gain: numbers(C, 0.3).map((value) => 1 + value),
      bias: rms ? null : numbers(C, 0.2),
    }),
  };
}

type Make = ReturnType<typeof maker>;

function makeLayer(
  make: Make,
  { C, H, keyWidth, valueWidth, F, S, rows, rms, gated }: StepSetup,
  room: number,
) {
  const [keys, values] = [H * keyWidth, H * valueWidth];
  return {
    selfNorm: make.norm(C, rms),
    query: make.affine(keys, C),
    key: make.affine(keys, C),
    value: make.affine(values, C),
    output: make.affine(C, values),
    keys: make.numbers(rows * room * keys, 1),
    values: make.numbers(rows * room * values, 1),
    crossNorm: make.norm(C, rms),
    crossQuery: make.affine(keys, C),
    crossOutput: make.affine(C, values),
    memoryKeys: make.numbers(rows * S * keys, 1),
    memoryValues: make.numbers(rows * S * values, 1),
    innerNorm: make.norm(C, rms),
    inner: make.affine(F, C),
    outer: make.affine(C, F),
    gate: gated ? make.affine(F, C) : null,
  };
}

type Layer = ReturnType<typeof makeLayer>;

/** Weights, caches with a past that beams have mixed, and the tokens of a step. */
export function prepareStep(setup: StepSetup) {
  const { rows, C, V, S, place, position, preNorm, keyWidth } = setup;
  const make = maker(1, setup.bits);
  const room = place + 3;
  const hasTurns = position !== 'added';
  const angles = make.numbers((room * keyWidth) / 2, 3);
  const mask = Uint8Array.from(make.numbers(rows * S, 1), (value) => Number(value > -0.5));
  mask.fill(0, 0, S); // the first source shows nothing
  return {
    room,
    tokens: Int32Array.from({ length: rows }, (_, r) => (37 * r + 5) % V),
    wanted: Int32Array.from({ length: rows }, (_, r) => (r % 3 === 1 ? -1 : (53 * r + 8) % V)),
    embedding: make.numbers(V * C, 1),
    positions: hasTurns ? null : make.numbers(room * C, 1),
    slots: Int32Array.from({ length: rows * room }, (_, i) => {
      const [row, t] = [Math.floor(i / room), i % room];
      return t < place ? (row * 5 + t) % rows : row;
    }),
    sources: Int32Array.from({ length: rows }, (_, r) => (r * 3) % rows),
    mask,
    forbidden: Uint8Array.from({ length: V }, (_, v) => Number(v % 11 === 3)),
    rotation: hasTurns ? tableOf(angles, keyWidth / 2) : null,
    projection: make.matrix(V, C),
    finalNorm: preNorm ? make.norm(C, setup.rms) : null,
    layers: Array.from({ length: setup.layers }, () => makeLayer(make, setup, room)),
    eps: 1e-5,
    scale: 1 / Math.sqrt(keyWidth),
    embeddingScale: Math.sqrt(C),
  };
}

export type Step = ReturnType<typeof prepareStep>;

/** Cosines of a place's pairs, then their sines. */
function tableOf(angles: Float32Array, pairs: number): Float32Array {
  const rows = Array.from({ length: angles.length / pairs }, (_, r) => [
    ...angles.subarray(r * pairs, (r + 1) * pairs),
  ]);
  return Float32Array.from(rows.flatMap((row) => [...row.map(Math.cos), ...row.map(Math.sin)]));
}

/** `W x` for an x that was rounded where it has to be. */
const times = ({ N, K, values }: Matrix, x: Vector): number[] =>
  Array.from({ length: N }, (_, n) => dot(rowOf(values, n, K), x));

const dot = (a: Vector, b: Vector): number => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
const product = (a: Vector, b: Vector): number[] => a.map((value, i) => value * b[i]!);
const sum = (a: Vector, b: ArrayLike<number>): number[] => a.map((value, i) => value + b[i]!);

/** `(x − mean) / √(variance + eps) · gain + bias`, or `x / √(mean(x²) + eps) · gain`. */
function normalise({ gain, bias }: Norm, x: Vector, eps: number): number[] {
  const mean = bias ? x.reduce((total, value) => total + value, 0) / x.length : 0;
  const variance = x.reduce((total, value) => total + (value - mean) ** 2, 0) / x.length;
  return x.map((value, c) => ((value - mean) / Math.sqrt(variance + eps)) * gain[c]! + (bias?.[c] ?? 0));
}

/** Heads of one query over the keys and values that it sees; zeros where there are none. */
function attend(
  query: Vector,
  keys: Vector[],
  values: Vector[],
  { H, keyWidth, valueWidth }: StepSetup,
  scale: number,
) {
  const head = (x: Vector, h: number, width: number): Vector => x.slice(h * width, (h + 1) * width);
  return Array.from({ length: H }, (_, h) => {
    const scores = keys.map((key) => scale * dot(head(query, h, keyWidth), head(key, h, keyWidth)));
    const exponentials = scores.map((score) => Math.exp(score - Math.max(...scores)));
    const total = exponentials.reduce((all, value) => all + value, 0);
    return Array.from({ length: valueWidth }, (_, c) =>
      values.reduce((all, value, n) => all + (exponentials[n]! / total) * head(value, h, valueWidth)[c]!, 0),
    );
  }).flat();
}

/** Turns the pairs of every head by the angles of the step's place. */
function turn(x: Vector, { keyWidth, position, place }: StepSetup, rotation: Float32Array | null): number[] {
  if (!rotation) return [...x];
  const pairs = keyWidth / 2;
  const turned = [...x];
  for (let first = 0; first < x.length; first += keyWidth) {
    for (let i = 0; i < pairs; i++) {
      const [p, q] =
        position === 'halves' ? [first + i, first + pairs + i] : [first + 2 * i, first + 2 * i + 1];
      const [cos, sin] = [rotation[place * keyWidth + i]!, rotation[place * keyWidth + pairs + i]!];
      turned[p] = x[p]! * cos - x[q]! * sin;
      turned[q] = x[p]! * sin + x[q]! * cos;
    }
  }
  return turned;
}

/** What becomes of a vector before a matrix multiplies it. */
type Round = (x: Vector) => Vector;

/** All texts through one layer; keys and values of this step are put into the caches. */
function runLayer(
  setup: StepSetup,
  step: Step,
  layer: Layer,
  xs: readonly Vector[],
  round: Round,
): number[][] {
  const { H, keyWidth, valueWidth, place, S, preNorm, activation } = setup;
  const { room, slots, sources, mask, eps, scale } = step;
  const [keys, values] = [H * keyWidth, H * valueWidth];
  const apply = ({ weight, bias }: Affine, x: Vector): number[] => sum(times(weight, round(x)), bias);
  const enter = (norm: Norm, x: Vector): Vector => (preNorm ? normalise(norm, x, eps) : x);
  const leave = (norm: Norm, x: Vector, y: Vector): number[] =>
    preNorm ? sum(x, y) : normalise(norm, sum(x, y), eps);
  xs.forEach((x, r) => {
    const inner = enter(layer.selfNorm, x);
    layer.keys.set(turn(apply(layer.key, inner), setup, step.rotation), (r * room + place) * keys);
    layer.values.set(apply(layer.value, inner), (r * room + place) * values);
  });
  return xs.map((start, r) => {
    const query = turn(apply(layer.query, enter(layer.selfNorm, start)), setup, step.rotation);
    const own = Array.from({ length: place + 1 }, (_, t) => slots[r * room + t]! * room + t);
    const past = own.map((at) => [rowOf(layer.keys, at, keys), rowOf(layer.values, at, values)] as const);
    const context = attend(
      query,
      past.map(([key]) => key),
      past.map(([, value]) => value),
      setup,
      scale,
    );
    let x = leave(layer.selfNorm, start, apply(layer.output, context));
    const shown = Array.from({ length: S }, (_, s) => sources[r]! * S + s).filter((at) => mask[at] === 1);
    const seen = attend(
      apply(layer.crossQuery, enter(layer.crossNorm, x)),
      shown.map((at) => rowOf(layer.memoryKeys, at, keys)),
      shown.map((at) => rowOf(layer.memoryValues, at, values)),
      setup,
      scale,
    );
    x = leave(layer.crossNorm, x, apply(layer.crossOutput, seen));
    const entered = enter(layer.innerNorm, x);
    const active = apply(layer.gate ?? layer.inner, entered).map(activations[activation]!);
    const hidden = layer.gate ? product(active, apply(layer.inner, entered)) : active;
    return leave(layer.innerNorm, x, apply(layer.outer, hidden));
  });
}

/**
 * The likeliest tokens of every text, their log-probabilities and then that of the wanted one (0 where none is).
 *
 * @param nudge - what is added to every code of an activation before it is rounded
 */
export function slowStep(setup: StepSetup, step: Step, nudge = 0) {
  const { C, best, place } = setup;
  const round: Round = (x) => (setup.bits === 0 ? x : slowRound(x, nudge));
  const tokens: number[] = [];
  const scores: number[] = [];
  let xs: readonly number[][] = Array.from(step.tokens, (token) =>
    rowOf(step.embedding, token, C).map(
      (value, c) => value * step.embeddingScale + (step.positions?.[place * C + c] ?? 0),
    ),
  );
  for (const layer of step.layers) xs = runLayer(setup, step, layer, xs, round);
  xs.forEach((x, r) => {
    const top = step.finalNorm ? normalise(step.finalNorm, x, step.eps) : x;
    const logits = times(step.projection, round(top)).map((logit, v) =>
      step.forbidden[v] ? Number.NEGATIVE_INFINITY : logit,
    );
    const largest = Math.max(...logits);
    const total = largest + Math.log(logits.reduce((all, logit) => all + Math.exp(logit - largest), 0));
    const order = [...logits.keys()].sort((a, b) => logits[b]! - logits[a]! || a - b).slice(0, best);
    const wanted = step.wanted[r]!;
    tokens.push(...order);
    scores.push(...order.map((v) => logits[v]! - total), wanted < 0 ? 0 : logits[wanted]! - total);
  });
  return { tokens, scores };
}

/** Panels of 32 columns of the transposed matrix, one after the other, each `[K, 32]`, the last one narrower. */
export function slowPanels(weight: Float32Array, N: number, K: number): Float32Array {
  const panels = Array.from({ length: Math.ceil(N / 32) }, (_, panel) => {
    const width = Math.min(32, N - 32 * panel);
    return Array.from({ length: K * width }, (_, i) => {
      const [k, c] = [Math.floor(i / width), i % width];
      return weight[(32 * panel + c) * K + k]!;
    });
  });
  return Float32Array.from(panels.flat());
}

/** The arguments of the kernel, see native/kernels/decoder_step.c; caches are written, so all tensors are outputs. */
export function stepCall(setup: StepSetup, step: Step) {
  const { rows, C, H, keyWidth, valueWidth, F, layers, V, S, place, best, panels } = setup;
  const numbers = ({ values, N, K }: Matrix): Float32Array =>
    panels ? slowPanels(Float32Array.from(values), N, K) : Float32Array.from(values);
  const matrix = (of: Matrix): [Numbers, Float32Array | null] =>
    of.coded ? [of.coded.codes, of.coded.scales] : [numbers(of), null];
  const affine = (of: Affine | null): (Numbers | null)[] => {
    if (!of) return [null, null, null];
    const [weight, scales] = matrix(of.weight);
    return [weight, of.bias, scales];
  };
  const norm = (of: Norm | null): (Numbers | null)[] => (of ? [of.gain, of.bias] : [null, null]);
  const outputs: (Numbers | null)[] = [
    ...[new Int32Array(rows * best).fill(-9), new Float32Array(rows * (best + 1)).fill(Number.NaN)],
    ...[step.tokens, step.wanted, step.embedding, step.positions, step.slots, step.sources, step.mask],
    ...[step.forbidden, step.rotation, ...matrix(step.projection), ...norm(step.finalNorm)],
    ...step.layers.flatMap((layer) => [
      ...[...norm(layer.selfNorm), ...affine(layer.query), ...affine(layer.key), ...affine(layer.value)],
      ...[...affine(layer.output), layer.keys, layer.values, ...norm(layer.crossNorm)],
      ...[...affine(layer.crossQuery), ...affine(layer.crossOutput), layer.memoryKeys, layer.memoryValues],
      ...[...norm(layer.innerNorm), ...affine(layer.inner), ...affine(layer.outer), ...affine(layer.gate)],
    ]),
  ];
  const ints = [
    ...[rows, C, H, keyWidth, valueWidth, F, layers, step.room, S, place, V, best],
    ...[activationCode(setup.activation), Number(setup.preNorm), Number(panels)],
    ...[Number(setup.position === 'halves'), setup.bits, Number(setup.gated)],
  ];
  const floats = [step.eps, step.scale, step.embeddingScale];
  return { kernel: 'decoder_step', outputs, ints, floats };
}
