/** Where to cut scores into yes and no: the threshold that does best on held-out examples. */
import { ConfigError, expectName } from '../errors.ts';

/** What a threshold is chosen for. */
export type ThresholdGoal = 'f1' | 'accuracy';

/** A threshold, and what it reached. */
export interface Threshold {
  /** A score of at least this is a yes. */
  readonly threshold: number;
  /** F1 or accuracy, in percent. */
  readonly score: number;
}

interface Counts {
  truePositives: number;
  falsePositives: number;
  positives: number;
  all: number;
}

const goals: Readonly<Record<ThresholdGoal, (counts: Counts) => number>> = {
  f1: ({ truePositives, falsePositives, positives }) => {
    const either = truePositives + falsePositives + positives;
    return either === 0 ? 0 : (200 * truePositives) / either;
  },
  accuracy: ({ truePositives, falsePositives, positives, all }) =>
    (100 * (truePositives + (all - positives - falsePositives))) / all,
};

/**
 * The threshold with the best F1 (or accuracy) over all thresholds that there are; of equally good ones the highest.
 *
 * @param scores - higher means yes
 * @param labels - what is right
 * @throws ConfigError when there are no examples, not as many labels as scores, or the goal is unknown
 * @example
 * tuneThreshold([0.9, 0.4, 0.35, 0.1], [true, true, false, false]); // { threshold: 0.4, score: 100 }
 */
export function tuneThreshold(
  scores: readonly number[],
  labels: readonly boolean[],
  goal: ThresholdGoal = 'f1',
): Threshold {
  expectName('tuneThreshold: goal', goal, Object.keys(goals));
  if (scores.length === 0 || scores.length !== labels.length) {
    throw new ConfigError({
      where: 'tuneThreshold',
      expected: 'a label for each of at least one score',
      got: `${scores.length} scores and ${labels.length} labels`,
      hint: 'labels are true for yes, in the order of the scores',
    });
  }
  const order = [...scores.keys()].sort((a, b) => scores[b]! - scores[a]!);
  const positives = labels.filter(Boolean).length;
  const counts: Counts = { truePositives: 0, falsePositives: 0, positives, all: scores.length };
  let best: Threshold = { threshold: Number.POSITIVE_INFINITY, score: goals[goal](counts) };
  order.forEach((example, place) => {
    if (labels[example]) counts.truePositives++;
    else counts.falsePositives++;
    const threshold = scores[example]!;
    const isLastOfEquals = threshold !== scores[order[place + 1] ?? -1];
    const score = goals[goal](counts);
    if (isLastOfEquals && score > best.score) best = { threshold, score };
  });
  return best;
}
