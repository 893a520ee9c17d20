/** `heed report RUN`: writes the run's page and prints its path. */
import { spawn } from 'node:child_process';
import type { Command } from 'commander';
import { writeReport } from '../../report/index.ts';
import { note } from '../output.ts';

/** Registers the command. */
export function registerReport(program: Command): void {
  program
    .command('report')
    .description('write RUN/report.html: curves, samples and numbers of a training run on one page')
    .argument('<run>', 'folder of the run')
    .option('--open', 'open the page with the program of this platform')
    .addHelpText('after', '\nExample:\n  $ heed report runs/pronounce --open')
    .action(async (run: string, options: { readonly open?: true }) => {
      const path = await writeReport(run);
      process.stdout.write(`${path}\n`);
      if (options.open) openFile(path);
    });
}

/** The command that opens a file on a platform. */
function opener(platform: NodeJS.Platform, path: string): readonly [string, ...string[]] {
  if (platform === 'darwin') return ['open', path];
  if (platform === 'win32') return ['explorer.exe', path];
  return ['xdg-open', path];
}

function openFile(path: string): void {
  const [command, ...args] = opener(process.platform, path);
  const child = spawn(command, args, { detached: true, stdio: 'ignore' });
  child.on('error', (error) =>
    note(`heed: ${command} did not start: ${error.message}; hint: open ${path} yourself`),
  );
  child.unref();
}
