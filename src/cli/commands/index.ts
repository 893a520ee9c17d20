/** Every command of `heed`, one line each. */
import type { Command } from 'commander';
import { register as score } from './score.ts';

export const commands: readonly ((program: Command) => void)[] = [score];
