/** Every command of `heed`, one line each. */
import type { Command } from 'commander';
import { registerQuickstart } from './quickstart.ts';
import { registerReport } from './report.ts';
import { registerScore } from './score.ts';
import { registerTokenizer } from './tokenizer.ts';
import { registerTrain } from './train.ts';

export const commands: readonly ((program: Command) => void)[] = [
  registerTrain,
  registerReport,
  registerScore,
  registerTokenizer,
  registerQuickstart,
];
