/** What each mechanism costs: training steps of one shape with it, in turns with the plain model's. */
import { countOps } from '../core/counter.ts';
import type { Device } from '../core/device.ts';
import { ConfigError } from '../errors.ts';
import type { TransformerConfig } from '../models/transformer-config.ts';
import { attentions } from '../nn/attention/kinds.ts';
import { feedForwards } from '../nn/feed-forwards/index.ts';
import { norms } from '../nn/norms/index.ts';
import { positions } from '../nn/position/index.ts';
import { type BenchShape, median } from './shapes.ts';
import { trainingStep } from './train.ts';

/** One choice of a mechanism, beside the plain model of the same run. */
export interface MechanismFigures {
  /** `position: rope` */
  readonly mechanism: string;
  readonly targetTokensPerSecond: number;
  /** Tokens per second over those of the plain model. */
  readonly speed: number;
  /** Counted operations over those of the plain model. */
  readonly flops: number;
  /** Calls of ops in a step that had a kernel to fall back from. */
  readonly fallbacks: number;
}

type Change = Partial<TransformerConfig>;

/** Every kind of every registry, but for those that the plain model has. */
export function mechanismChoices(): readonly (readonly [name: string, change: Change])[] {
  const fields = { position: positions, attention: attentions, norm: norms, feedForward: feedForwards };
  const plain = ['sinusoidal', 'multi-head', 'layer', 'mlp'];
  const kinds = Object.entries(fields).flatMap(([field, variants]) =>
    Object.keys(variants)
      .filter((kind) => !plain.includes(kind))
      .map((kind) => [`${field}: ${kind}`, { [field]: kind } as Change] as const),
  );
  const switches = ['tieQueryKey', 'qkNorm', 'learnedScale', 'headGates'] as const;
  const multiHead = (options: object): Change => ({ attention: { kind: 'multi-head', ...options } });
  return [
    ...kinds,
    ...switches.map((name) => [`attention: ${name}`, multiHead({ [name]: true })] as const),
    ['attention: softCap 30', multiHead({ softCap: 30 })],
    ['attention: numKvHeads 1', multiHead({ numKvHeads: 1 })],
  ];
}

/** A step with the change, in the encoder alone where a decoder cannot have it. */
function stepWith(shape: BenchShape, device: Device, change: Change) {
  try {
    return trainingStep(shape, device, 'fp32', change);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const { attention, position, norm } = change;
    const encoder = {
      ...(attention && { encoderAttention: attention }),
      ...(position && { encoderPosition: position }),
      ...(norm && { encoderNorm: norm }),
    };
    if (Object.keys(encoder).length === 0) throw error;
    return trainingStep(shape, device, 'fp32', encoder);
  }
}

function timed(step: () => void): number {
  const start = performance.now();
  step();
  return performance.now() - start;
}

/** Each choice in turns with the plain model, medians over `rounds` after one step that does not count. */
export function* measureMechanisms(
  shape: BenchShape,
  device: Device,
  rounds: number,
): Generator<MechanismFigures> {
  const plain = trainingStep(shape, device);
  const plainFlops = countOps(plain).counts.flops;
  for (const [mechanism, change] of mechanismChoices()) {
    const step = stepWith(shape, device, change);
    const { counts } = countOps(step);
    const times = Array.from({ length: rounds }, () => [timed(plain), timed(step)] as const);
    const [plainTime, time] = [0, 1].map((side) => median(times.map((pair) => pair[side]!)));
    yield {
      mechanism,
      targetTokensPerSecond: (1000 * shape.batch * shape.targetLength) / time!,
      speed: plainTime! / time!,
      flops: counts.flops / plainFlops,
      fallbacks: [...counts.fallbacks.values()].reduce((total, count) => total + count, 0),
    };
    step.dispose();
  }
}
