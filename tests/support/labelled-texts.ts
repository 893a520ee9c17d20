/** Texts of random letters, longer than a model takes, whose label is the letter at one place. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '../../src/core/random.ts';
import type { LengthPolicyChoice } from '../../src/data/length-policy.ts';
import { validateExperiment } from '../../src/train/config/validate.ts';
import { trainExperiment } from '../../src/train/run.ts';
import { temporaryFolder } from './tiny-run.ts';

const LENGTH = 12;
/** Letters that a model sees: the first or last six, or two at the beginning and four at the end. */
const LIMIT = 6;
const LEARNED = 400;
const HELD_OUT = 400;
const letters = 'abcd';

/** Where the label stands; the middle is seen from the beginning only. */
export const LABEL_PLACES = { start: 0, middle: LIMIT - 1, end: LENGTH - 1 } as const;

/** Of the share of right answers where nothing of the label is seen. */
export const CHANCE_DEVIATION = Math.sqrt((0.25 * 0.75) / HELD_OUT);

/** A trained run, and the share of held-out texts, none of them cut by the test, whose label it says. */
export async function labelRun(tooLong: LengthPolicyChoice, place: number, seed: number) {
  const folder = temporaryFolder();
  const random = new Random(seed, 'labels');
  const drawn = Array.from({ length: LEARNED + HELD_OUT }, () => {
    const text = Array.from({ length: LENGTH }, () => letters[random.integer(4)]!).join('');
    return { text, label: text[place]! };
  });
  const [learned, heldOut] = [drawn.slice(0, LEARNED), drawn.slice(LEARNED)];
  const part = (name: string, examples: typeof drawn): object => {
    const path = join(folder, `${name}.tsv`);
    writeFileSync(path, examples.map(({ text, label }) => `${text}\t${label}\n`).join(''));
    return { format: 'tsv', path };
  };
  const limits = { maxSourceLength: LIMIT, maxTargetLength: LIMIT, maxTokens: 448, tooLong };
  const sizes = { dModel: 32, dFf: 64, numHeads: 2, numEncoderLayers: 1, numDecoderLayers: 1, maxSeqLen: 16 };
  const experiment = validateExperiment({
    name: 'cut',
    data: { train: part('train', learned), test: part('test', heldOut), ...limits },
    tokenizer: { shared: { kind: 'char' } },
    model: { ...sizes, dropout: 0 },
    training: {
      ...{ seed, maxSteps: 150, learningRate: 0.005, schedule: 'constant', warmupSteps: 10 },
      labelSmoothing: 0,
    },
    evaluation: { metrics: ['exact-match'], samples: 0 },
  });
  const run = join(folder, 'run');
  const { metrics } = await trainExperiment(experiment, { folder: run });
  return { folder: run, heldOut, share: metrics['exact-match']! / 100 };
}
