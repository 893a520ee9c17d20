/** Every command of `heed`, one line each. */
import type { Command } from 'commander';
import { registerReport } from './report.ts';
import { registerScore } from './score.ts';
import { registerTokenizer } from './tokenizer.ts';

export const commands: readonly ((program: Command) => void)[] = [
  registerReport,
  registerScore,
  registerTokenizer,
];
