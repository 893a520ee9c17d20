/** Ours and theirs in turns: medians of rounds, the best of each contender, the ratio and whether it is enough. */
import { median } from '../shapes.ts';
import type { Contender, Figure, Goal, PeerName, Variant, Work } from './works.ts';

/** One JSON line of a measurement. */
export type Line = Readonly<Record<string, unknown>>;

/** The values of all rounds that did not fail. */
export interface Series {
  readonly median: number;
  readonly values: readonly number[];
}

/** What a variant of a peer reached. */
export interface PeerSeries extends Series {
  readonly contender: string;
  readonly peer: PeerName;
  readonly variant: string;
}

/** Heed against the best variant of a contender. */
export interface Comparison {
  readonly contender: string;
  /** Peer and variant that was best. */
  readonly best: string;
  readonly median: number;
  /** How many times better heed is; of a goal of nearness, the difference of the values. */
  readonly ratio: number;
  readonly goal: Goal | null;
  readonly reached: boolean | null;
}

/** One figure of one work. */
export interface Row {
  readonly work: string;
  readonly label: string;
  readonly unit: string;
  readonly better: Figure['better'];
  readonly threads: number;
  readonly ours: Series;
  readonly peers: readonly PeerSeries[];
  readonly comparisons: readonly Comparison[];
  /** Variants that failed in some of heed's rounds: how many they have. Absent in older files. */
  readonly incomplete?: Readonly<Record<string, number>>;
  /** What heed's median may be at most, and whether it is; null where peers say what is enough. */
  readonly limit: { readonly atMost: number; readonly reached: boolean } | null;
  /** The file name of the text that was learnt from, where there was one. */
  readonly text?: string;
  readonly measured: Measured;
}

/** Of what, and when. */
export interface Measured {
  readonly date: string;
  /** How many processes wanted to run in the minute before the first work. */
  readonly load: number;
  /** The commit of heed, with a `+` where sources differed from it; absent without git and in older files. */
  readonly commit?: string;
}

/** A row before anybody says of what and when. */
export type Figures = Omit<Row, 'measured' | 'text'>;

/** Measures heed or a variant once; undefined where it is missing or failed, which the measurer notes. */
export interface Measurer {
  ours(work: Work): readonly Line[] | undefined;
  theirs(work: Work, variant: Variant): readonly Line[] | undefined;
}

/** The figure's value in the line that fits. */
export function figureIn(figure: Figure, lines: readonly Line[]): number | undefined {
  const fits = (line: Line): boolean =>
    Object.entries(figure.where ?? {}).every(([key, value]) => !(key in line) || line[key] === value);
  const numbers = lines
    .filter(fits)
    .map((line) => line[figure.key])
    .filter((value) => !figure.largest || typeof value === 'number') as number[];
  const value = figure.largest ? Math.max(...numbers) : numbers[0];
  return Number.isFinite(value) ? value : undefined;
}

function seriesOf(figure: Figure, rounds: readonly (readonly Line[])[]): Series | undefined {
  const values = rounds.flatMap((lines) => figureIn(figure, lines) ?? []);
  return values.length === 0 ? undefined : { median: median(values), values };
}

/** `PyTorch sdpa`; the peer alone where it has one way only. */
function variantName({ peer, variant }: Pick<PeerSeries, 'peer' | 'variant'>): string {
  return variant === '' ? peer : `${peer} ${variant}`;
}

function compare(
  figure: Figure,
  ours: Series,
  contender: Contender,
  peers: readonly PeerSeries[],
): Comparison[] {
  const own = peers.filter((series) => series.contender === contender.name);
  if (own.length === 0) return [];
  const sign = figure.better === 'higher' ? 1 : -1;
  const best = own.reduce((a, b) => (sign * b.median > sign * a.median ? b : a));
  const goal = figure.goals[contender.name] ?? null;
  const isNear = goal !== null && 'within' in goal;
  const quotient = (ours.median / best.median) ** sign;
  const ratio = isNear ? ours.median - best.median : quotient;
  const reached =
    goal === null ? null : 'within' in goal ? Math.abs(ratio) <= goal.within : ratio >= goal.atLeast;
  return [{ contender: contender.name, best: variantName(best), median: best.median, ratio, goal, reached }];
}

/** Only the contenders that a figure has a goal for, and those that no figure has: they are shown. */
function contendersOf(work: Work, figure: Figure): Contender[] {
  const isShownOnly = (name: string): boolean => !work.figures.some(({ goals }) => name in goals);
  return work.contenders.filter(({ name }) => name in figure.goals || isShownOnly(name));
}

/**
 * Measures one work: in every round heed, then every variant, so that what else the machine does meets all alike.
 * Where heed's half fails, the rounds before count.
 *
 * @returns one row per figure, or undefined where heed's half could not be measured once
 */
export function measureWork(
  work: Work,
  rounds: number,
  measurer: Measurer,
  onRound: (round: number) => void = () => {},
): Figures[] | undefined {
  const ours: (readonly Line[])[] = [];
  const theirs = new Map<Variant, (readonly Line[])[]>();
  // A variant that stands in two contenders is measured once.
  const variants = new Set(work.contenders.flatMap((contender) => contender.variants));
  for (let round = 0; round < rounds; round++) {
    onRound(round);
    const lines = measurer.ours(work);
    if (!lines) break;
    ours.push(lines);
    for (const variant of variants) {
      const found = measurer.theirs(work, variant);
      if (found) theirs.set(variant, [...(theirs.get(variant) ?? []), found]);
    }
  }
  if (ours.length === 0) return undefined;
  return work.figures.flatMap((figure) => rowOf(work, figure, ours, theirs) ?? []);
}

function rowOf(
  work: Work,
  figure: Figure,
  ourRounds: readonly (readonly Line[])[],
  theirRounds: ReadonlyMap<Variant, readonly (readonly Line[])[]>,
): Figures | undefined {
  const ours = seriesOf(figure, ourRounds);
  if (!ours) return undefined;
  const contenders = contendersOf(work, figure);
  const peers = contenders.flatMap(({ name, variants }) =>
    variants.flatMap((variant): PeerSeries[] => {
      const series = seriesOf(figure, theirRounds.get(variant) ?? []);
      return series ? [{ contender: name, peer: variant.peer, variant: variant.name, ...series }] : [];
    }),
  );
  const comparisons = contenders.flatMap((contender) => compare(figure, ours, contender, peers));
  const short = peers.filter(({ values }) => values.length < ours.values.length);
  const incomplete = Object.fromEntries(short.map((series) => [variantName(series), series.values.length]));
  const { label, unit, better, atMost } = figure;
  const limit = atMost === undefined ? null : { atMost, reached: ours.median <= atMost };
  const facts = { work: work.name, label, unit, better, threads: work.threads };
  return { ...facts, ours, peers, comparisons, incomplete, limit };
}
