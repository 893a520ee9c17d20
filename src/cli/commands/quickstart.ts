/** `heed quickstart` (npm start): trains the pronunciation model, or shows what it reached. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { defaultDevice, whyUnavailable } from '../../core/device.ts';
import { loadExperiment } from '../../train/config/validate.ts';
import type { TrainResult } from '../../train/run.ts';
import { note } from '../output.ts';
import { printResult, runTraining } from './train.ts';

const recipe = fileURLToPath(new URL('../../../recipes/pronounce.yaml', import.meta.url));
const folder = join('runs', 'pronounce');

/** What changes where the recipe's kernels are missing, and how the reader is told. */
interface Reduction {
  readonly settings: readonly string[];
  readonly before: string;
  readonly after: string;
}

/** One evaluation at the end, on fewer words: decoding is slow too. */
const lessEvaluation = [
  'evaluation.every=2000',
  'evaluation.maxExamples=50',
  'evaluation.test.maxExamples=300',
];
const remedy = 'install gcc or clang, npm rebuild, npm start';

const reductions: Readonly<Record<string, Reduction>> = {
  // The same model sees fewer words in the same time; smaller batches leave it enough updates.
  wasm: {
    settings: [
      ...['data.maxTokens=1024', 'data.maxSentences=128', 'training.warmupSteps=100'],
      ...['training.maxMinutes=4.3', ...lessEvaluation],
    ],
    before: 'training on the wasm backend, several times slower, so with smaller batches',
    after: `this model saw fewer words than it would with native kernels: ${remedy}`,
  },
  // A step costs about a hundred times as much, so the model shrinks until it learns in the same time.
  reference: {
    settings: [
      ...['model.dModel=48', 'model.dFf=96', 'model.numHeads=4'],
      ...['model.numEncoderLayers=1', 'model.numDecoderLayers=1'],
      ...['data.maxTokens=512', 'data.maxSentences=64'],
      ...['training.learningRate=0.004', 'training.warmupSteps=100', 'training.maxMinutes=4.3'],
      ...['training.logEvery=10', ...lessEvaluation],
    ],
    before: 'training a much smaller and weaker model on the reference backend',
    after: `this model is weak because it was trained without native kernels: ${remedy}`,
  },
};

export function registerQuickstart(program: Command): void {
  program
    .command('quickstart')
    .description('train a model that pronounces English, in under six minutes, and show what it can do')
    .addHelpText('after', '\nExample:\n  $ heed quickstart')
    .action(quickstart);
}

async function quickstart(): Promise<void> {
  const reduction = reductions[defaultDevice().name];
  const experiment = loadExperiment(recipe, reduction?.settings ?? []);
  const finished = finishedRun();
  if (finished) {
    note(`${folder} holds a finished run; remove it to train again`);
    await printResult(experiment, finished, false);
    return printNext();
  }
  if (reduction) note(`no native kernels (${whyUnavailable('native')}): ${reduction.before}`);
  const resume = existsSync(join(folder, 'checkpoints'));
  const result = await runTraining(experiment, folder, { resume, again: 'npm start' });
  if (result.outcome !== 'finished') return;
  await printResult(experiment, result, false);
  if (reduction) note(reduction.after);
  printNext();
}

/** The result of a run that ended; undefined when there is none. */
function finishedRun(): TrainResult | undefined {
  const read = (name: string): unknown => JSON.parse(readFileSync(join(folder, name), 'utf8')) as unknown;
  if (!['result.json', 'samples.json', 'model'].every((name) => existsSync(join(folder, name))))
    return undefined;
  const { seconds, metrics, steps } = read('result.json') as Pick<
    TrainResult,
    'seconds' | 'metrics' | 'steps'
  >;
  return {
    outcome: 'finished',
    folder,
    seconds,
    steps,
    metrics,
    samples: read('samples.json') as TrainResult['samples'],
  };
}

function printNext(): void {
  process.stdout.write(`
try next:
  echo hello | npx heed translate ${folder} --n-best 3 --beam-size 5
  npx heed inspect ${folder}
  npx heed report ${folder} --open
`);
}
