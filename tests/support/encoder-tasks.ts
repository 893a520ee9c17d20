/** Tasks that an encoder learns in minutes: every place of a row of ids has to say a letter. */
import {
  backward,
  countOps,
  crossEntropy,
  Embedding,
  Linear,
  Module,
  mean,
  noGrad,
  Random,
  scope,
  type Tensor,
  tensor,
} from '../../src/index.ts';
import { Encoder } from '../../src/models/stacks.ts';
import {
  checkTransformerConfig,
  type TransformerConfig,
  transformerDefaults,
} from '../../src/models/transformer-config.ts';
import type { AttentionChoice } from '../../src/nn/attention/kinds.ts';
import { makePosition, type Position } from '../../src/nn/position/index.ts';
import { Adam } from '../../src/train/adam.ts';
import { clipFactor, gradientNorm } from '../../src/train/clip.ts';

const LETTERS = 8;
/** Share of right letters without learning anything. */
export const CHANCE = 1 / LETTERS;
const BLANKS = 8;
/** Ids: letters, blanks, the mark. */
const MARK = LETTERS + BLANKS;
const VOCABULARY = MARK + 1;
/** One place of so many holds a letter, the others hold blanks. */
const SPACING = 8;
const WIDTH = 32;

/** Fills one row of ids and of labels. */
export type Task = (random: Random, ids: Int32Array, labels: Int32Array) => void;

/** A letter here and there, a mark after one of them: that letter is the answer at every place. */
export const recall: Task = (random, ids, labels) => {
  const groups = ids.length / SPACING;
  const marked = random.integer(groups);
  for (let t = 0; t < ids.length; t++) ids[t] = LETTERS + random.integer(BLANKS);
  for (let group = 0; group < groups; group++) {
    const place = group * SPACING + 2 + random.integer(SPACING - 4);
    ids[place] = random.integer(LETTERS);
    if (group !== marked) continue;
    ids[place + 1] = MARK;
    labels.fill(ids[place]!);
  }
};

/** The answer is the letter at the same distance from the other end. */
export const mirror: Task = (random, ids, labels) => {
  for (let t = 0; t < ids.length; t++) {
    ids[t] = random.integer(LETTERS);
    labels[ids.length - 1 - t] = ids[t]!;
  }
};

/** The answer is the letter at the next place; the last place asks for the first one. */
export const next: Task = (random, ids, labels) => {
  for (let t = 0; t < ids.length; t++) {
    ids[t] = random.integer(LETTERS);
    labels[(t + ids.length - 1) % ids.length] = ids[t]!;
  }
};

/** How a model learns. */
export interface TaskSetup {
  readonly length: number;
  readonly batch: number;
  readonly layers: number;
  readonly learningRate: number;
  /** Counted operations of all training. */
  readonly flops: number;
  /** Of the first values and the examples; 1 by default. */
  readonly seed?: number;
  /** Fields of the model that are not the usual ones. */
  readonly config?: Partial<TransformerConfig>;
}

/** What came of it. */
export interface TaskResult {
  /** Share of the places of 256 new rows that say the right letter. */
  readonly accuracy: number;
  readonly steps: number;
  /** Of one step, forward and backward. */
  readonly flopsPerStep: number;
}

/** Encoder layers, and an answer at every place. */
class Reader extends Module {
  readonly embedding: Embedding;
  readonly position: Position;
  readonly encoder: Encoder;
  readonly output: Linear;

  constructor(
    attention: AttentionChoice,
    { length, layers, seed = 1, config: fields }: TaskSetup,
    device: string,
  ) {
    super();
    const context = { random: new Random(seed, 'encoder task'), device };
    const config = checkTransformerConfig({
      ...transformerDefaults,
      ...{ sourceVocabSize: VOCABULARY, targetVocabSize: VOCABULARY, dModel: WIDTH, dFf: 2 * WIDTH },
      ...{ numHeads: 2, numEncoderLayers: layers, dropout: 0, normPlacement: 'pre', finalNorm: true },
      ...{ encoderAttention: attention, maxSeqLen: length, ...fields },
    });
    const sizes = { width: WIDTH, maxSeqLen: length, numLayers: layers, numHeads: 2 };
    this.embedding = new Embedding(VOCABULARY, WIDTH, context, { scale: Math.sqrt(WIDTH) });
    this.position = makePosition(
      'sinusoidal',
      { ...sizes, headDim: WIDTH / 2, valueDim: WIDTH / 2, causal: false },
      context,
    );
    this.encoder = new Encoder(config, context);
    this.output = new Linear(WIDTH, LETTERS, context);
  }

  /** ids `[B, T]` to logits `[B, T, letters]` */
  forward(ids: Tensor): Tensor {
    const x = this.position.forward(this.embedding.forward(ids));
    return this.output.forward(this.encoder.forward(x));
  }
}

function drawRows(task: Task, random: Random, batch: number, length: number, device: string) {
  const [ids, labels] = [new Int32Array(batch * length), new Int32Array(batch * length)];
  for (let b = 0; b < batch; b++) {
    const row = (values: Int32Array): Int32Array => values.subarray(b * length, (b + 1) * length);
    task(random, row(ids), row(labels));
  }
  const make = (values: Int32Array): Tensor => tensor(values, [batch, length], { dtype: 'int32', device });
  return { ids: make(ids), labels: make(labels) };
}

/** Trains a model of that kind of attention until the operations are spent, and asks it 256 new rows. */
export function learnTask(
  task: Task,
  attention: AttentionChoice,
  setup: TaskSetup,
  device: string,
): TaskResult {
  const { length, batch, learningRate, seed = 1 } = setup;
  const model = new Reader(attention, setup, device);
  const adam = new Adam(model.namedParameters());
  const random = new Random(seed + 1, 'encoder task');
  const step = (): void =>
    scope(() => {
      const { ids, labels } = drawRows(task, random, batch, length, device);
      backward(mean(crossEntropy(model.forward(ids), labels, {})));
    });
  const flopsPerStep = countOps(step).counts.flops;
  model.zeroGrad();
  const steps = Math.round(setup.flops / flopsPerStep);
  for (let n = 0; n < steps; n++) {
    step();
    const rate = learningRate * Math.min(1, (n + 1) / 50) * (1 - n / steps);
    adam.step(rate, clipFactor(gradientNorm(model.parameters()), 1));
    model.zeroGrad();
  }
  return { accuracy: ask(task, model.eval(), setup, device), steps, flopsPerStep };
}

function ask(task: Task, model: Reader, { length, seed = 1 }: TaskSetup, device: string): number {
  const random = new Random(seed, 'unseen rows');
  const [rounds, batch] = [8, 32];
  let right = 0;
  for (let round = 0; round < rounds; round++) {
    scope(() => {
      const { ids, labels } = drawRows(task, random, batch, length, device);
      const logits = noGrad(() => model.forward(ids)).data;
      for (let place = 0; place < batch * length; place++) {
        const row = logits.subarray(place * LETTERS, (place + 1) * LETTERS);
        if (row.indexOf(Math.max(...row)) === labels.data[place]) right++;
      }
    });
  }
  return right / (rounds * batch * length);
}
