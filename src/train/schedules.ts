/** Learning rates over the course of training, by name. */
import { ConfigError, suggest } from '../errors.ts';

/** Settings of a learning-rate schedule. */
export interface ScheduleOptions {
  /** Highest rate; with `paper` a factor on the paper's formula. */
  readonly learningRate: number;
  /** Updates over which the rate rises linearly from 0. */
  readonly warmupSteps: number;
  /** Share of `learningRate` at the end, for `cosine` and `linear`. */
  readonly finalRate: number;
  /** Width of the model, for `paper`. */
  readonly dModel: number;
}

/** Where training stands. */
export interface Progress {
  /** The update that is about to be done, from 1. */
  readonly step: number;
  /** Share of the training that is over, 0 … 1: by steps, or by time when only time is limited. */
  readonly done: number;
}

type Rule = (progress: Progress, options: ScheduleOptions) => number;

const rules = {
  /** η */
  constant: (_, { learningRate }) => learningRate,
  /** η √(w / t): the paper's shape with its peak given. */
  inverseSqrt: ({ step }, { learningRate, warmupSteps }) =>
    learningRate * Math.sqrt(Math.max(1, warmupSteps) / Math.max(step, warmupSteps, 1)),
  /** η · d^−½ · min(t^−½, t · w^−1.5). Paper: Vaswani et al. 2017, §5.3. */
  paper: ({ step }, { learningRate, warmupSteps, dModel }) =>
    learningRate * dModel ** -0.5 * Math.max(step, warmupSteps, 1) ** -0.5,
  /** From η to the final rate along half a cosine. Paper: Loshchilov & Hutter 2016, https://arxiv.org/abs/1608.03983 */
  cosine: ({ done }, { learningRate, finalRate }) =>
    learningRate * (finalRate + (1 - finalRate) * 0.5 * (1 + Math.cos(Math.PI * Math.min(1, done)))),
  /** From η to the final rate along a line. */
  linear: ({ done }, { learningRate, finalRate }) => learningRate * (1 - (1 - finalRate) * Math.min(1, done)),
} satisfies Record<string, Rule>;

/** Names of the learning-rate schedules. */
export type ScheduleName = keyof typeof rules;

/** Those that go to `finalRate`. */
export const schedulesWithEnd: ReadonlySet<ScheduleName> = new Set(['cosine', 'linear']);

/** All learning-rate schedules by name. */
export const scheduleNames = Object.keys(rules) as ScheduleName[];

/**
 * The learning rate of an update.
 *
 * @throws {ConfigError} when the schedule is unknown
 * @example
 * learningRateAt('paper', { step: 4000, done: 0.1 }, { learningRate: 1, warmupSteps: 4000, finalRate: 0, dModel: 512 });
 */
export function learningRateAt(name: ScheduleName, progress: Progress, options: ScheduleOptions): number {
  const rule: Rule | undefined = rules[name];
  if (!rule) {
    throw new ConfigError({
      where: 'training.schedule',
      expected: 'a known schedule',
      got: `"${name}"`,
      hint: suggest(name, scheduleNames),
    });
  }
  const warmup = options.warmupSteps > 0 ? Math.min(1, progress.step / options.warmupSteps) : 1;
  return warmup * rule(progress, options);
}
