/** The report of a training run: one HTML page that opens anywhere, without a network. */
export { renderReport } from './page.ts';
export { readRun } from './read-run.ts';
export type {
  Experiment,
  Host,
  ParameterCounts,
  PublishedNumber,
  RunData,
  RunResult,
  Sample,
  SampleAttention,
  Table,
} from './run-data.ts';
export { writeReport } from './write-report.ts';
