/** A task of long memory: every place of a long row has to say which of its letters stands beside the mark. */
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
import { checkTransformerConfig, transformerDefaults } from '../../src/models/transformer-config.ts';
import type { AttentionChoice } from '../../src/nn/attention/kinds.ts';
import { makePosition, type Position } from '../../src/nn/position/index.ts';
import { Adam } from '../../src/train/adam.ts';
import { clipFactor, gradientNorm } from '../../src/train/clip.ts';

const LETTERS = 8;
const BLANKS = 8;
/** Ids: letters, blanks, the mark. */
const MARK = LETTERS + BLANKS;
const VOCABULARY = MARK + 1;
/** One place of so many holds a letter, the others hold blanks. */
const SPACING = 8;
const WIDTH = 32;
const LAYERS = 3;

interface Task {
  readonly ids: Tensor;
  readonly labels: Tensor;
}

/** Rows of blanks with a letter here and there, a mark after one of them; the label of every place is that letter. */
function drawTask(random: Random, batch: number, length: number, device: string): Task {
  const ids = Int32Array.from({ length: batch * length }, () => LETTERS + random.integer(BLANKS));
  const labels = new Int32Array(batch * length);
  for (let b = 0; b < batch; b++) {
    const groups = length / SPACING;
    const marked = random.integer(groups);
    for (let group = 0; group < groups; group++) {
      const place = b * length + group * SPACING + 2 + random.integer(SPACING - 4);
      ids[place] = random.integer(LETTERS);
      if (group !== marked) continue;
      ids[place + 1] = MARK;
      labels.fill(ids[place]!, b * length, (b + 1) * length);
    }
  }
  const int32 = { dtype: 'int32', device } as const;
  return { ids: tensor(ids, [batch, length], int32), labels: tensor(labels, [batch, length], int32) };
}

/** Encoder layers, and an answer at every place. */
class Reader extends Module {
  readonly embedding: Embedding;
  readonly position: Position;
  readonly encoder: Encoder;
  readonly output: Linear;

  constructor(attention: AttentionChoice, length: number, device: string) {
    super();
    const context = { random: new Random(1, 'recall'), device };
    const config = checkTransformerConfig({
      ...transformerDefaults,
      ...{ sourceVocabSize: VOCABULARY, targetVocabSize: VOCABULARY, dModel: WIDTH, dFf: 2 * WIDTH },
      ...{ numHeads: 2, numEncoderLayers: LAYERS, dropout: 0, normPlacement: 'pre', finalNorm: true },
      ...{ encoderAttention: attention, maxSeqLen: length },
    });
    const sizes = { width: WIDTH, maxSeqLen: length, numLayers: LAYERS, numHeads: 2, headDim: 16, valueDim: 16 };
    this.embedding = new Embedding(VOCABULARY, WIDTH, context, { scale: Math.sqrt(WIDTH) });
    this.position = makePosition('sinusoidal', { ...sizes, causal: false }, context);
    this.encoder = new Encoder(config, context);
    this.output = new Linear(WIDTH, LETTERS, context);
  }

  /** ids `[B, T]` to logits `[B, T, letters]` */
  forward(ids: Tensor): Tensor {
    const x = this.position.forward(this.embedding.forward(ids));
    return this.output.forward(this.encoder.forward(x));
  }
}

/** How a model learns and is asked. */
export interface RecallSetup {
  readonly length: number;
  readonly batch: number;
  readonly learningRate: number;
  /** Counted operations of all training. */
  readonly flops: number;
}

/** What came of it. */
export interface RecallResult {
  readonly accuracy: number;
  readonly steps: number;
  /** Of one step, forward and backward. */
  readonly flopsPerStep: number;
}

/** Trains a model of that kind of attention until the operations are spent, and asks it 256 new rows. */
export function learnRecall(attention: AttentionChoice, setup: RecallSetup, device: string): RecallResult {
  const { length, batch, learningRate } = setup;
  const model = new Reader(attention, length, device);
  const adam = new Adam(model.namedParameters());
  const random = new Random(2, 'recall task');
  const step = (): void =>
    scope(() => {
      const { ids, labels } = drawTask(random, batch, length, device);
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
  return { accuracy: ask(model.eval(), length, device), steps, flopsPerStep };
}

/** Share of the places of 256 rows that say the right letter. */
function ask(model: Reader, length: number, device: string): number {
  const random = new Random(3, 'recall questions');
  const [rounds, batch] = [8, 32];
  let right = 0;
  for (let round = 0; round < rounds; round++) {
    scope(() => {
      const { ids, labels } = drawTask(random, batch, length, device);
      const logits = noGrad(() => model.forward(ids)).data;
      for (let place = 0; place < batch * length; place++) {
        const row = logits.subarray(place * LETTERS, (place + 1) * LETTERS);
        if (row.indexOf(Math.max(...row)) === labels.data[place]) right++;
      }
    });
  }
  return right / (rounds * batch * length);
}
