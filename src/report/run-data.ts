/** What a training run leaves behind, as the report reads it. */

/** Rows of one kind as columns; `null` where a row lacks the value or it was not finite. */
export interface Table {
  /** Number of rows. */
  readonly length: number;
  /** Column name to its values, in the order in which the names first appear. */
  readonly columns: ReadonlyMap<string, readonly (number | null)[]>;
}

/** `experiment.json`: what was run, and where. */
export interface Experiment {
  readonly name?: string | undefined;
  /** Nested configuration, shown as it stands. */
  readonly config?: Readonly<Record<string, unknown>> | undefined;
  readonly parameters?: ParameterCounts | undefined;
  readonly device?: string | undefined;
  readonly threads?: number | undefined;
  readonly host?: Host | undefined;
  /** ISO 8601 date and time. */
  readonly startedAt?: string | undefined;
  readonly heedVersion?: string | undefined;
}

/** Number of trained parameters, whole and by part of the model. */
export interface ParameterCounts {
  readonly total: number;
  readonly parts?: Readonly<Record<string, number>> | undefined;
}

/** The machine. */
export interface Host {
  readonly cpu?: string | undefined;
  readonly node?: string | undefined;
}

/** `result.json`: how the run ended. */
export interface RunResult {
  readonly seconds?: number | undefined;
  readonly metrics: Readonly<Record<string, number>>;
  readonly published: readonly PublishedNumber[];
}

/** A number from the literature that stands beside the run's own. */
export interface PublishedNumber {
  /** The metric's name (`per`, `PER`), or any text that contains it as a word. */
  readonly name: string;
  readonly value: number;
  readonly note?: string | undefined;
}

/** One decoded example of `samples.json`. */
export interface Sample {
  readonly source: string;
  readonly references: readonly string[];
  readonly hypothesis: string;
  readonly score?: number | undefined;
  readonly correct: boolean;
  readonly attention?: SampleAttention | undefined;
}

/** Cross-attention weights of one sample; T = target tokens, S = source tokens. */
export interface SampleAttention {
  readonly sourceTokens: readonly string[];
  readonly targetTokens: readonly string[];
  /** Mean over the heads of the last layer, [T, S]. */
  readonly alignment: readonly (readonly number[])[];
  /** Each head by itself, [H, T, S]. */
  readonly heads?: readonly (readonly (readonly number[])[])[] | undefined;
}

/** Everything that a report shows. */
export interface RunData {
  /** Name of the run: the experiment's, or the folder's. */
  readonly name: string;
  /** Rows of kind `train`, with a column `step`. */
  readonly train: Table;
  /** Rows of kind `validation`, with a column `step`. */
  readonly validation: Table;
  /** Rows of kind `test`. */
  readonly test: Table;
  /** Rows of `timing.jsonl`: wall-clock values by step. */
  readonly timing: Table;
  readonly experiment?: Experiment | undefined;
  readonly result?: RunResult | undefined;
  readonly samples: readonly Sample[];
}
