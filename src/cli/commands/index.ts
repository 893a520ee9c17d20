/** Every command of `heed`, one line each. */
import type { Command } from 'commander';
import { registerTokenizer } from './tokenizer.ts';

export const commands: readonly ((program: Command) => void)[] = [registerTokenizer];
