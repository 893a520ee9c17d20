/** What a metric is called, in which unit it stands, and which direction is better. */

/** How a metric is shown. */
export interface MetricName {
  readonly label: string;
  /** Written after the value: `%`, or nothing. */
  readonly unit: string;
  /** `undefined` where neither direction is known to be better. */
  readonly better: 'lower' | 'higher' | undefined;
}

const KNOWN: ReadonlyMap<string, MetricName> = new Map([
  ['loss', { label: 'Loss', unit: '', better: 'lower' }],
  ['nll', { label: 'NLL', unit: '', better: 'lower' }],
  ['perplexity', { label: 'Perplexity', unit: '', better: 'lower' }],
  ['bitsPerByte', { label: 'Bits per byte', unit: '', better: 'lower' }],
  ['bitsPerCharacter', { label: 'Bits per character', unit: '', better: 'lower' }],
  ['learningRate', { label: 'Learning rate', unit: '', better: undefined }],
  ['gradNorm', { label: 'Gradient norm', unit: '', better: undefined }],
  ['laterLoss', { label: 'Loss of later tokens', unit: 'nats', better: 'lower' }],
  ['balanceLoss', { label: 'Load balance', unit: '', better: undefined }],
  ['droppedTokens', { label: 'Share of choices that full experts dropped', unit: '', better: undefined }],
  ['per', { label: 'PER', unit: '%', better: 'lower' }],
  ['wer', { label: 'WER', unit: '%', better: 'lower' }],
  ['cer', { label: 'CER', unit: '%', better: 'lower' }],
  ['bleu', { label: 'BLEU', unit: '', better: 'higher' }],
  ['chrf', { label: 'chrF', unit: '', better: 'higher' }],
  ['f1', { label: 'F1', unit: '', better: 'higher' }],
  ['accuracy', { label: 'Accuracy', unit: '', better: 'higher' }],
]);

/** Names that tell about the fit rather than about the task; they come after the task's metrics. */
const OF_THE_FIT: ReadonlySet<string> = new Set(['loss', 'nll', 'perplexity', 'bitsPerByte']);

/**
 * The name of a metric for a reader; an unknown name is split into words.
 *
 * @example metricName('tokensPerSecond').label // 'Tokens per second'
 */
export function metricName(key: string): MetricName {
  return KNOWN.get(key) ?? { label: words(key), unit: '', better: undefined };
}

function words(key: string): string {
  const split = key
    .replace(/[_-]+/g, ' ')
    .replace(/([a-z\d])([A-Z])/g, (_, a, b) => `${a} ${b.toLowerCase()}`);
  return split.charAt(0).toUpperCase() + split.slice(1);
}

/** Metrics with the task's own (PER, BLEU, ...) before those of the fit (loss, perplexity). */
export function taskFirst<T>(metrics: readonly (readonly [string, T])[]): (readonly [string, T])[] {
  const ofTask = metrics.filter(([key]) => !OF_THE_FIT.has(key));
  return [...ofTask, ...metrics.filter(([key]) => OF_THE_FIT.has(key))];
}
