/**
 * Span corruption: a text with some spans replaced by sentinels, and a target that says what stood there.
 *
 * Paper: Raffel et al., T5, 2019, §3.1.4, https://arxiv.org/abs/1910.10683
 */
import { Random } from '../core/random.ts';
import { ConfigError } from '../errors.ts';
import type { TokenPair } from './batching.ts';
import { shuffledSegments } from './running-text.ts';

/** How much is hidden, and behind what. */
export interface SpanCorruptionOptions {
  /** Share of the tokens that are hidden, above 0 and below 1. Default 0.15. */
  readonly density?: number;
  /** Mean length of a hidden span, at least 1. Default 3. */
  readonly meanSpanLength?: number;
  /** Ids that stand for the first, second, … span and after the last; none of them may be in a text. */
  readonly sentinels: readonly number[];
}

/** Segments of a text, and how they are corrupted. */
export interface SegmentCorruption extends Required<SpanCorruptionOptions> {
  /** Tokens of a segment. */
  readonly length: number;
}

/** Hidden tokens and spans of a text of `length` tokens. */
function sizesOf({ length, density, meanSpanLength }: Omit<SegmentCorruption, 'sentinels'>) {
  const hidden = Math.min(Math.max(1, Math.round(length * density)), length - 1);
  const wanted = Math.max(1, Math.round(hidden / meanSpanLength));
  return { hidden, spans: length < 2 ? 0 : Math.min(wanted, hidden, length - hidden) };
}

/** Sentinels that segments of at most `length` tokens need: one for each span and one for the end. */
export function sentinelsOf({ length, ...how }: Omit<SegmentCorruption, 'sentinels'>): number {
  const lengths = Array.from({ length }, (_, i) => i + 1);
  return 1 + lengths.reduce((most, own) => Math.max(most, sizesOf({ ...how, length: own }).spans), 0);
}

/**
 * The segments of a text, other ones in every epoch, with other spans hidden: a function of seed and epoch only.
 *
 * @returns pairs in shuffled order
 */
export function shuffledSpans(
  ids: Int32Array,
  { length, ...how }: SegmentCorruption,
  { seed, epoch }: { readonly seed: number; readonly epoch: number },
): TokenPair[] {
  return shuffledSegments(ids.length, { length, batchSize: 1 }, { seed, epoch }).map(
    ({ starts: [start] }) => {
      const random = new Random(seed, `spans/epoch-${epoch}/${start}`);
      return corruptSpans([...ids.subarray(start!, start! + length)], how, random);
    },
  );
}

/** The segments of a held-out text side by side, with the same spans hidden every time. */
export function heldOutSpans(ids: Int32Array, { length, ...how }: SegmentCorruption): TokenPair[] {
  const count = Math.ceil(ids.length / length);
  const segments = Array.from({ length: count }, (_, i) => [...ids.subarray(i * length, (i + 1) * length)]);
  return segments
    .filter((segment) => segment.length > 1)
    .map((segment, i) => corruptSpans(segment, how, new Random(0, `spans/held-out/${i}`)));
}

/** `total` cut into `parts` pieces of at least 1, every way as likely. */
function pieces(total: number, parts: number, random: Random): number[] {
  const cuts = Array.from({ length: total - 1 }, (_, i) => i < parts - 1);
  random.shuffle(cuts);
  const lengths = [1];
  for (const isCut of cuts) {
    if (isCut) lengths.push(1);
    else lengths[lengths.length - 1]!++;
  }
  return lengths;
}

/**
 * Hides spans of a text.
 *
 * The source is the text with a sentinel in the place of each span; the target has each sentinel, what it stands for,
 * and one more sentinel at the end. A text of fewer than two tokens is left whole.
 *
 * @returns source and target, without begin and end tokens
 * @throws {ConfigError} when an option cannot be used, or there are too few sentinels
 * @example
 * corruptSpans([7, 8, 9, 10], { sentinels: [90, 91] }, random); // source [7, 8, 90, 10], target [90, 9, 91]
 */
export function corruptSpans(
  tokens: readonly number[],
  { density = 0.15, meanSpanLength = 3, sentinels }: SpanCorruptionOptions,
  random: Random,
): TokenPair {
  check(density > 0 && density < 1, 'density', 'a share above 0 and below 1', density);
  check(
    meanSpanLength >= 1 && Number.isFinite(meanSpanLength),
    'meanSpanLength',
    'at least 1',
    meanSpanLength,
  );
  const { hidden, spans } = sizesOf({ length: tokens.length, density, meanSpanLength });
  check(
    spans < sentinels.length,
    'sentinels',
    `at least ${spans + 1}, one for each span and one for the end`,
    sentinels.length,
  );
  if (spans === 0) return { source: [...tokens], target: [sentinels[0]!] };
  const [kept, cut] = [pieces(tokens.length - hidden, spans, random), pieces(hidden, spans, random)];
  const source: number[] = [];
  const target: number[] = [];
  let at = 0;
  for (let span = 0; span < spans; span++) {
    source.push(...tokens.slice(at, (at += kept[span]!)), sentinels[span]!);
    target.push(sentinels[span]!, ...tokens.slice(at, (at += cut[span]!)));
  }
  target.push(sentinels[spans]!);
  return { source, target };
}

function check(fine: boolean, where: string, expected: string, got: number): void {
  if (!fine) throw new ConfigError({ where, expected, got: String(got) });
}

/**
 * The text of a corrupted pair: what `corruptSpans` was given.
 *
 * @param sentinels - those with which it was corrupted
 */
export function restoreSpans({ source, target }: TokenPair, sentinels: readonly number[]): number[] {
  const isSentinel = new Set(sentinels);
  const spans = new Map<number, number[]>();
  let span: number[] = [];
  for (const id of target) {
    if (isSentinel.has(id)) spans.set(id, (span = []));
    else span.push(id);
  }
  return source.flatMap((id) => (isSentinel.has(id) ? (spans.get(id) ?? []) : [id]));
}
