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

/** Without kernels a step costs about a hundred times as much, so the model shrinks until it learns in the same time. */
const smaller = [
  'model.dModel=48',
  'model.dFf=96',
  'model.numHeads=4',
  'model.numEncoderLayers=1',
  'model.numDecoderLayers=1',
  'data.maxTokens=512',
  'data.maxSentences=64',
  'training.learningRate=0.004',
  'training.warmupSteps=100',
  'training.maxMinutes=4.3',
  'training.logEvery=10',
  'evaluation.every=2000',
  'evaluation.maxExamples=50',
  'evaluation.test.maxExamples=300',
];

export function registerQuickstart(program: Command): void {
  program
    .command('quickstart')
    .description('train a model that pronounces English, in under six minutes, and show what it can do')
    .addHelpText('after', '\nExample:\n  $ heed quickstart')
    .action(quickstart);
}

async function quickstart(): Promise<void> {
  const isSlow = defaultDevice().name === 'reference';
  const experiment = loadExperiment(recipe, isSlow ? smaller : []);
  const finished = finishedRun();
  if (finished) {
    note(`${folder} holds a finished run; remove it to train again`);
    await printResult(experiment, finished, false);
    return printNext();
  }
  if (isSlow) {
    note(
      `no native kernels (${whyUnavailable('native')}): training a much smaller and weaker model on the reference backend`,
    );
  }
  const resume = existsSync(join(folder, 'checkpoints'));
  const result = await runTraining(experiment, folder, { resume, again: 'npm start' });
  if (result.outcome !== 'finished') return;
  await printResult(experiment, result, false);
  if (isSlow)
    note(
      'this model is weak because it was trained without native kernels: install gcc or clang, npm rebuild, npm start',
    );
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
