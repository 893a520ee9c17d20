#!/usr/bin/env node
/** `heed`: parses the arguments, runs one command, turns any error into one line and an exit code. */
import { Command, CommanderError } from 'commander';
import '../backends/register.ts';
import { heedVersion } from '../version.ts';
import { endWithOutput } from './broken-pipe.ts';
import { commands } from './commands/index.ts';
import { reportError, reportMistake } from './output.ts';

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
  const program = buildProgram();
  try {
    await program.parseAsync([...args], { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    return error instanceof CommanderError ? reportUsage(error, program, args) : reportError(error);
  }
}

/** Help and version were printed already; any other mistake in the arguments is one line. */
function reportUsage(error: CommanderError, program: Command, args: readonly string[]): number {
  if (error.exitCode === 0) return 0;
  if (error.code === 'commander.help') return 2;
  const problem = error.message.replace(/^error: /, '').replace(/\.$/, '');
  return reportMistake(`${problem}; hint: ${commandOf(program, args)} --help lists what it takes`);
}

/** `heed tokenizer train`, as far as the arguments name commands. */
function commandOf(program: Command, args: readonly string[]): string {
  const [name, ...rest] = args;
  const child = program.commands.find((command) => command.name() === name);
  return child ? `${program.name()} ${commandOf(child, rest)}` : program.name();
}

if (process.argv[1] && import.meta.filename && (await isEntryPoint())) {
  endWithOutput();
  process.exitCode = await main(process.argv.slice(2));
}

async function isEntryPoint(): Promise<boolean> {
  const { realpath } = await import('node:fs/promises');
  const script = await realpath(process.argv[1]!).catch(() => '');
  return script === import.meta.filename;
}
