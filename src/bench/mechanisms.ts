/** What each mechanism costs: training steps of one shape with it, in turns with those of the plain model of its kind. */
import { countOps } from '../core/counter.ts';
import type { Device } from '../core/device.ts';
import { Random } from '../core/random.ts';
import type { EncoderDecoder, PackedSequences } from '../models/encoder-decoder.ts';
import { RecurrentSeq2Seq } from '../models/recurrent-seq2seq.ts';
import type { TransformerConfig } from '../models/transformer-config.ts';
import { withDropoutKeys } from '../nn/dropout-keys.ts';
import { Adam } from '../train/adam.ts';
import { Seq2SeqObjective } from '../train/seq2seq.ts';
import { type MechanismChange, type MechanismFamily, mechanismChoices } from './mechanism-choices.ts';
import { type BenchShape, benchModel, median, randomIds } from './shapes.ts';
import { type TrainingStep, trainingStep, withDispose } from './train.ts';

/** One choice of a mechanism, beside the plain model of the same run. */
export interface MechanismFigures {
  /** `position: rope` */
  readonly mechanism: string;
  /** The plain model beside it. */
  readonly beside: MechanismFamily;
  readonly targetTokensPerSecond: number;
  /** Tokens per second over those of the plain model. */
  readonly speed: number;
  /** Counted operations over those of the plain model. */
  readonly flops: number;
  /** Calls of ops in a step that had a kernel to fall back from. */
  readonly fallbacks: number;
}

/** The packed pass of the Trainer over a batch of texts of one length. */
function packedStep(shape: BenchShape, model: EncoderDecoder): TrainingStep {
  const { batch, sourceLength, targetLength, vocabSize } = shape;
  const packed = (length: number): PackedSequences => ({
    ids: Int32Array.from(randomIds(batch, length, vocabSize, model.device).data),
    lengths: new Array<number>(batch).fill(length),
  });
  const [source, target] = [packed(sourceLength), packed(targetLength)];
  const tokens = { sourceTokens: batch * sourceLength, targetTokens: batch * targetLength };
  const pairs = { source, input: target, labels: target, ...tokens };
  const objective = new Seq2SeqObjective(model, { padId: 0, labelSmoothing: 0 });
  const adam = new Adam(model.namedParameters());
  let step = 0;
  const run = (): void => {
    withDropoutKeys(1, ++step, () => objective.trainOn(pairs, tokens.targetTokens));
    adam.step(1e-3);
    model.zeroGrad();
  };
  return withDispose(run, model, adam);
}

/** Two layers, both directions, one vocabulary. */
function recurrentModel(shape: BenchShape, device: Device, change: MechanismChange): RecurrentSeq2Seq {
  const { dModel, vocabSize } = shape;
  const sizes = { sourceVocabSize: vocabSize, targetVocabSize: vocabSize, dModel, dropout: 0.1 };
  return new RecurrentSeq2Seq({ ...sizes, ...change }, { random: new Random(1, 'bench'), device });
}

/** A training step of each family with fields over the plain model's. */
const families: Readonly<
  Record<MechanismFamily, (shape: BenchShape, device: Device, change: MechanismChange) => TrainingStep>
> = {
  transformer: (shape, device, change) =>
    trainingStep(shape, device, 'fp32', change as Partial<TransformerConfig>),
  'packed-transformer': (shape, device, change) =>
    packedStep(shape, benchModel(shape, device, change as Partial<TransformerConfig>)),
  'lstm-seq2seq': (shape, device, change) => packedStep(shape, recurrentModel(shape, device, change)),
};

/** A training step of the plain model of a family with fields over its own. */
export function mechanismStep(
  family: MechanismFamily,
  shape: BenchShape,
  device: Device,
  change: MechanismChange = {},
): TrainingStep {
  return families[family](shape, device, change);
}

function timed(step: () => void): number {
  const start = performance.now();
  step();
  return performance.now() - start;
}

/** Each choice in turns with the plain model of its family, medians over `rounds` after one step that does not count. */
export function* measureMechanisms(
  shape: BenchShape,
  device: Device,
  rounds: number,
): Generator<MechanismFigures> {
  for (const family of Object.keys(families) as MechanismFamily[]) {
    const plain = mechanismStep(family, shape, device);
    const plainFlops = countOps(plain).counts.flops;
    for (const choice of mechanismChoices()) {
      if (choice.family !== family) continue;
      const step = mechanismStep(family, shape, device, choice.change);
      const { counts } = countOps(step);
      const times = Array.from({ length: rounds }, () => [timed(plain), timed(step)] as const);
      const [plainTime, time] = [0, 1].map((side) => median(times.map((pair) => pair[side]!)));
      yield {
        mechanism: choice.name,
        beside: family,
        targetTokensPerSecond: (1000 * shape.batch * shape.targetLength) / time!,
        speed: plainTime! / time!,
        flops: counts.flops / plainFlops,
        fallbacks: [...counts.fallbacks.values()].reduce((total, count) => total + count, 0),
      };
      step.dispose();
    }
    plain.dispose();
  }
}
