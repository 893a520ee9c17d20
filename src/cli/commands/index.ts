/** Every command of `heed`, one line each. */
import type { Command } from 'commander';
import { registerReport } from './report.ts';

export const commands: readonly ((program: Command) => void)[] = [registerReport];
