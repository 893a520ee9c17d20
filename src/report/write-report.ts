/** Writes the report of a run into its folder. */
import { join } from 'node:path';
import { writeAtomically } from '../train/atomic.ts';
import { renderReport } from './page.ts';
import { readRun } from './read-run.ts';

/**
 * Writes `report.html` beside the run's files; a reader of an older report never sees half of the new one.
 *
 * @param dir - the run's folder
 * @returns path of the page
 * @throws ConfigError `E_CONFIG` when the folder does not exist
 * @throws DataError `E_DATA` when the run's files cannot be read as they were announced
 * @throws TrainingError when the folder takes no new file
 */
export async function writeReport(dir: string): Promise<string> {
  const path = join(dir, 'report.html');
  writeAtomically(path, renderReport(await readRun(dir)));
  return path;
}
