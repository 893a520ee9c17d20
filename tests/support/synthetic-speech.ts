/**
 * Speech as small as can be: every symbol of a text sounds for some frames, each a noisy copy of the symbol's vector.
 * A model reads the text and says the frames, each from those before and from where it looks.
 */
import {
  Adam,
  add,
  attend,
  backward,
  concat,
  Embedding,
  guidedAttentionLoss,
  Linear,
  LocationAwareAttention,
  Module,
  MonotonicAttention,
  matmul,
  mean,
  noGrad,
  Random,
  Recurrent,
  type RecurrentStates,
  reshape,
  Sequences,
  scale,
  scope,
  slice,
  square,
  sub,
  type Tensor,
  tensor,
  zeros,
} from '../../src/index.ts';
import { BahdanauAttention } from '../../src/nn/attention/source-kinds.ts';
import { additiveScores } from '../../src/ops/additive-attention/scores.ts';
import { clipFactor, gradientNorm } from '../../src/train/clip.ts';

const SYMBOLS = 8;
const FRAME = 8;
const WIDTH = 48;
const device = 'native';

/** Frames for which a symbol sounds: 2, 3 or 4. */
const duration = (symbol: number): number => 2 + (symbol % 3);

export type SpeechAttention = 'plain' | 'guided' | 'location' | 'monotonic';

/** Texts of one length in symbols and in frames, so that a batch is a rectangle. */
interface SpeechBatch {
  readonly ids: Tensor;
  /** `[B, T, F]` */
  readonly frames: Tensor;
  /** The frame before each, zeros before the first. */
  readonly before: Tensor;
  /** Symbol place that sounds in each frame, `[B][T]`. */
  readonly places: readonly (readonly number[])[];
}

function voices(): readonly Float64Array[] {
  const random = new Random(7, 'voices');
  return Array.from({ length: SYMBOLS }, () => Float64Array.from({ length: FRAME }, () => random.normal()));
}

/** The symbols of each duration in equal number, so that all texts have `3 · perKind` symbols and `9 · perKind` frames. */
function drawTexts(random: Random, batch: number, perKind: number): number[][] {
  return Array.from({ length: batch }, () => {
    const symbols = [0, 1, 2].flatMap((kind) =>
      Array.from({ length: perKind }, () => kind + 3 * random.integer(kind === 2 ? 2 : 3)),
    );
    return random.shuffle(symbols);
  });
}

function drawBatch(random: Random, batch: number, perKind: number): SpeechBatch {
  const voice = voices();
  const texts = drawTexts(random, batch, perKind);
  const places = texts.map((text) =>
    text.flatMap((symbol, s) => new Array<number>(duration(symbol)).fill(s)),
  );
  const T = 9 * perKind;
  const frames = new Float64Array(batch * T * FRAME);
  places.forEach((row, b) => {
    row.forEach((s, t) => {
      voice[texts[b]![s]!]!.forEach((value, f) => {
        frames[(b * T + t) * FRAME + f] = value + 0.1 * random.normal();
      });
    });
  });
  const before = new Float64Array(frames.length);
  for (let b = 0; b < batch; b++) {
    const from = b * T * FRAME;
    before.set(frames.subarray(from, from + (T - 1) * FRAME), from + FRAME);
  }
  const shape = [batch, T, FRAME];
  return {
    ids: tensor(Int32Array.from(texts.flat()), [batch, 3 * perKind], { dtype: 'int32', device }),
    frames: tensor(frames, shape, { device }),
    before: tensor(before, shape, { device }),
    places,
  };
}

const whole = (batch: number, length: number, like: Tensor): Sequences =>
  Sequences.padded(new Array(batch).fill(length), length, like.device);

/** Reads a text, says frames. */
class Speaker extends Module {
  readonly embedding: Embedding;
  readonly encoder: Recurrent;
  readonly prenet: Linear;
  readonly decoder: Recurrent;
  readonly attention: BahdanauAttention | LocationAwareAttention | MonotonicAttention;
  readonly output: Linear;

  constructor(kind: SpeechAttention, seed: number) {
    super();
    const context = { random: new Random(seed, 'init'), device };
    const widths = { queryWidth: WIDTH, memoryWidth: WIDTH };
    this.embedding = new Embedding(SYMBOLS + 1, WIDTH, context, { std: 1 });
    this.encoder = new Recurrent(
      { cell: 'gru', inputWidth: WIDTH, width: WIDTH / 2, bidirectional: true },
      context,
    );
    this.prenet = new Linear(FRAME, WIDTH, context);
    this.decoder = new Recurrent({ cell: 'gru', inputWidth: WIDTH, width: WIDTH }, context);
    this.attention =
      kind === 'location'
        ? new LocationAwareAttention({ ...widths, taps: 5 }, context)
        : kind === 'monotonic'
          ? new MonotonicAttention(widths, context)
          : new BahdanauAttention(widths, context);
    this.output = new Linear(2 * WIDTH, FRAME, context);
  }

  encode(ids: Tensor): Tensor {
    return this.encoder.forward(this.embedding.forward(ids), whole(ids.shape[0]!, ids.shape[1]!, ids)).output;
  }

  /**
   * Frames before `[B, T, F]` to those that follow, the weights `[B, T, S]`, and the last states.
   *
   * @param lastWeights - `[B, S]` of the step before, where the model speaks frame by frame
   */
  say(
    before: Tensor,
    memory: Tensor,
    start: RecurrentStates | null = null,
    lastWeights: Tensor | null = null,
    noise: Random | null = null,
  ) {
    const [batch, length] = before.shape as [number, number, number];
    const steps = whole(batch, length, before);
    const { output, states } = this.decoder.forward(this.prenet.forward(before), steps, start);
    const { context, weights } = this.look(output, memory, lastWeights, noise);
    return { frames: this.output.forward(concat([context, output], 2)), weights, states };
  }

  private look(states: Tensor, memory: Tensor, last: Tensor | null, noise: Random | null) {
    const { attention } = this;
    if (attention instanceof MonotonicAttention) {
      return last
        ? lookOnwards(attention, states, memory, last)
        : attention.forward(states, memory, null, noise);
    }
    if (attention instanceof LocationAwareAttention) return lookStepwise(attention, states, memory, last);
    const { vector } = attention;
    const score = (q: Tensor, k: Tensor): Tensor => additiveScores(q, k, vector);
    const { keys, values } = attention.project(memory);
    const { output, weights } = attend(attention.query.forward(states), keys, values, { score });
    return { context: output, weights };
  }
}

/** One step of decoding: each text goes on from where it stopped. */
function lookOnwards(attention: MonotonicAttention, states: Tensor, memory: Tensor, last: Tensor) {
  const [batch, S] = last.shape as [number, number];
  const weights = new Float64Array(batch * S);
  for (let b = 0; b < batch; b++) {
    const from = Math.max(0, last.data.subarray(b * S, (b + 1) * S).indexOf(1));
    const place = attention.stop(slice(states, 0, b, b + 1), slice(memory, 0, b, b + 1), from);
    weights[b * S + Math.min(place, S - 1)] = 1;
  }
  const chosen = tensor(weights, [batch, 1, S], { device });
  return { context: matmul(chosen, memory), weights: chosen };
}

function lookStepwise(
  attention: LocationAwareAttention,
  states: Tensor,
  memory: Tensor,
  last: Tensor | null,
) {
  const [batch, length, width] = states.shape as [number, number, number];
  const prepared = attention.project(memory);
  let weights = last ?? attention.start(prepared);
  const steps = Array.from({ length }, (_, t) => {
    const state = reshape(slice(states, 1, t, t + 1), [batch, width]);
    const step = attention.step(state, prepared, weights);
    weights = step.weights;
    return step;
  });
  const joined = (parts: readonly Tensor[]): Tensor =>
    concat(
      parts.map((part) => reshape(part, [batch, 1, part.shape[1]!])),
      1,
    );
  return {
    context: joined(steps.map((step) => step.context)),
    weights: joined(steps.map((step) => step.weights)),
  };
}

/** Symbols of each duration in a text of training. */
const TRAINED = 2;
/** Texts of a test. */
const TEXTS = 200;

/** Trains a speaker for some steps. */
export function trainSpeaker(kind: SpeechAttention, steps: number, seed: number): Speaker {
  const model = new Speaker(kind, seed);
  const adam = new Adam(model.namedParameters());
  const random = new Random(seed, 'texts');
  for (let step = 0; step < steps; step++) {
    scope(() => {
      const { ids, frames, before } = drawBatch(random, 16, TRAINED);
      const said = model.say(before, model.encode(ids), null, null, random);
      const error = mean(square(sub(said.frames, frames)));
      const guide = kind === 'guided' ? scale(guidedAttentionLoss(said.weights, { width: 0.2 }), 10) : null;
      backward(guide ? add(error, guide) : error);
      adam.step(0.003, clipFactor(gradientNorm(model.parameters()), 1));
      model.zeroGrad();
    });
  }
  return model;
}

/** Where the model looks most while it says unseen texts, each frame from its own frames before, `[texts][frames]`. */
function spoken(model: Speaker, count: number, perKind: number): number[][] {
  return noGrad(() =>
    scope(() => {
      const { ids, places } = drawBatch(new Random(99, 'unseen'), count, perKind);
      const memory = model.encode(ids);
      const isMonotonic = model.attention instanceof MonotonicAttention;
      let before = zeros([count, 1, FRAME], { device });
      let states: RecurrentStates | null = null;
      let weights: Tensor | null = isMonotonic ? zeros([count, memory.shape[1]!], { device }) : null;
      const looks = places.map((): number[] => []);
      for (let t = 0; t < places[0]!.length; t++) {
        const said: ReturnType<Speaker['say']> = model.say(before, memory, states, weights);
        const S = memory.shape[1]!;
        weights = reshape(said.weights, [count, S]);
        looks.forEach((row, b) => {
          const own = weights!.data.subarray(b * S, (b + 1) * S);
          row.push(own.indexOf(Math.max(...own) as never));
        });
        [before, states] = [said.frames, said.states];
      }
      return looks;
    }),
  );
}

/** How often attention gets lost, for each symbol of a text. */
export interface Faults {
  /** Symbols that were never looked at. */
  readonly skipped: number;
  /** Looks back to an earlier symbol. */
  readonly repeated: number;
}

/**
 * Speaks unseen texts.
 *
 * @param times - their length in lengths of the texts of training
 */
export function faults(model: Speaker, times: number): Faults {
  const perKind = times * TRAINED;
  const looks = spoken(model, TEXTS, perKind);
  let [skipped, repeated] = [0, 0];
  for (const row of looks) {
    skipped += 3 * perKind - new Set(row).size;
    for (let t = 1; t < row.length; t++) if (row[t]! < row[t - 1]!) repeated++;
  }
  const symbols = TEXTS * 3 * perKind;
  return { skipped: skipped / symbols, repeated: repeated / symbols };
}
