/** Every command of `heed`, one line each. */
import type { Command } from 'commander';

export const commands: readonly ((program: Command) => void)[] = [];
