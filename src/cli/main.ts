#!/usr/bin/env node
/** `heed`: parses the arguments, runs one command, turns any error into one line and an exit code. */
import { Command, CommanderError } from 'commander';
import '../backends/register.ts';
import { heedVersion } from '../version.ts';
import { commands } from './commands/index.ts';
import { reportError } from './output.ts';

/** Builds the whole command line; every command registers itself in `commands/index.ts`. */
export function buildProgram(): Command {
  const program = new Command('heed')
    .description('The Transformer, whole, in TypeScript: train it, run it and look inside it.')
    .version(heedVersion)
    .exitOverride()
    .configureOutput({ outputError: () => {} });
  for (const register of commands) register(program);
  for (const command of program.commands) inheritSettings(command, program);
  return program;
}

function inheritSettings(command: Command, parent: Command): void {
  command.copyInheritedSettings(parent);
  for (const child of command.commands) inheritSettings(child, command);
}

/**
 * Runs the command line.
 *
 * @param args - arguments without `node` and the script
 * @returns the exit code: 0 done, 1 a bug or a failure, 2 a user's mistake, 3 refused by `--strict`
 */
export async function main(args: readonly string[]): Promise<number> {
  try {
    await buildProgram().parseAsync([...args], { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    return reportError(error);
  }
}

if (process.argv[1] && import.meta.filename && (await isEntryPoint())) {
  process.exitCode = await main(process.argv.slice(2));
}

async function isEntryPoint(): Promise<boolean> {
  const { realpath } = await import('node:fs/promises');
  const script = await realpath(process.argv[1]!).catch(() => '');
  return script === import.meta.filename;
}
