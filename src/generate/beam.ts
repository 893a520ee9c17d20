/**
 * Beam search over a batch.
 *
 * Each step keeps, of all continuations of a text's hypotheses, the `beamSize` likeliest; those that end leave
 * the beam. A text is finished when nothing is left that could become better than what it has.
 *
 * Papers: Graves, Sequence Transduction, 2012; Wu et al., GNMT, 2016, https://arxiv.org/abs/1609.08144
 */
import type { BestTokens } from '../models/encoder-decoder.ts';
import { nextTokens } from './next-tokens.ts';
import {
  type BeamOptions,
  beginOf,
  checkBeamOptions,
  type Hypothesis,
  lengthPenalty,
  limitOf,
} from './options.ts';
import type { DecodingSession } from './session.ts';

/** A hypothesis that is still growing; tokens are shared backwards through `before`. */
interface Live {
  readonly token: number;
  readonly before: Live | undefined;
  readonly length: number;
  readonly logProb: number;
  /** Row of the session from which it continues. */
  readonly row: number;
}

interface Text {
  readonly index: number;
  live: Live[];
  readonly finished: Hypothesis[];
}

function tokensOf(live: Live | undefined): number[] {
  const tokens: number[] = [];
  for (let node = live; node?.before; node = node.before) tokens.push(node.token);
  return tokens.reverse();
}

/** What a hypothesis must go on with. */
function forcedToken(text: Text, live: Live, { prefixes }: BeamOptions): number | undefined {
  return prefixes?.[text.index]?.[live.length];
}

/** All continuations of a text that could enter its beam, best first; ties keep the order of row and token. */
function candidates(text: Text, found: BestTokens, options: BeamOptions): Live[] {
  const perRow = found.tokens.length / found.wanted.length;
  const all = text.live.flatMap((live): Live[] => {
    const extend = (token: number, logProb: number): Live => ({
      token,
      before: live,
      length: live.length + 1,
      logProb: live.logProb + logProb,
      row: live.row,
    });
    const forced = forcedToken(text, live, options);
    if (forced !== undefined) return [extend(forced, found.wanted[live.row]!)];
    return Array.from({ length: perRow }, (_, i) => {
      const at = live.row * perRow + i;
      return extend(found.tokens[at]!, found.logProbs[at]!);
    });
  });
  const possible = all.filter(({ logProb }) => logProb > Number.NEGATIVE_INFINITY);
  return possible.sort((a, b) => b.logProb - a.logProb).slice(0, options.beamSize);
}

/** Moves a text one step on; afterwards `live` holds what still grows. */
function advance(text: Text, found: BestTokens, options: BeamOptions): void {
  const limit = limitOf(options, text.index);
  const still: Live[] = [];
  for (const candidate of candidates(text, found, options)) {
    const ended = candidate.token === options.eos;
    if (!ended && candidate.length < limit) {
      still.push(candidate);
      continue;
    }
    text.finished.push({
      tokens: tokensOf(ended ? candidate.before : candidate),
      logProb: candidate.logProb,
      score: candidate.logProb / lengthPenalty(candidate.length, options.lengthPenalty),
      complete: ended,
    });
  }
  text.finished.sort((a, b) => b.score - a.score);
  text.live = canImprove(text, still, limit, options) ? still : [];
}

/** Log-probabilities only fall, so the best that can come is today's with the largest possible penalty. */
function canImprove(text: Text, live: readonly Live[], limit: number, options: BeamOptions): boolean {
  if (live.length === 0) return false;
  if (text.finished.length < options.nBest) return true;
  const worstKept = text.finished[options.nBest - 1]!.score;
  const bound = live[0]!.logProb / lengthPenalty(limit + 1, options.lengthPenalty);
  return bound > worstKept;
}

/**
 * Beam search for every text of a session.
 *
 * @returns for each text its `nBest` hypotheses, best first
 * @throws {ConfigError} when an option cannot be used
 * @example
 * const [best] = beamSearch(session, { bos: 2, eos: 3, beamSize: 4, lengthPenalty: 0.6, nBest: 1, maxNewTokens: 50 });
 */
export function beamSearch(session: DecodingSession, options: BeamOptions): Hypothesis[][] {
  checkBeamOptions(options);
  const start = (row: number): Live => ({
    token: beginOf(options, row),
    before: undefined,
    length: 0,
    logProb: 0,
    row,
  });
  const texts = Array.from(
    { length: session.rows },
    (_, index): Text => ({ index, live: [start(index)], finished: [] }),
  );
  for (const text of texts) {
    if (limitOf(options, text.index) > 0) continue;
    text.finished.push({ tokens: [], logProb: 0, score: 0, complete: false });
    text.live = [];
  }
  for (let live = regroup(texts, session); live.length > 0; live = regroup(texts, session)) {
    const found = nextTokens(
      session,
      live.map(({ token }) => token),
      {
        count: options.beamSize,
        forbidden: options.forbidden,
        wanted: texts.flatMap((text) => text.live.map((own) => forcedToken(text, own, options))),
      },
    );
    for (const text of texts) if (text.live.length > 0) advance(text, found, options);
  }
  return texts.map(({ finished }) => finished.slice(0, options.nBest));
}

/** Brings the session's rows into the order of the live hypotheses and renumbers these. */
function regroup(texts: readonly Text[], session: DecodingSession): Live[] {
  const places = texts.flatMap(({ live }) => live.map(({ row }) => row));
  if (places.length > 0) session.select(places);
  let row = 0;
  for (const text of texts) text.live = text.live.map((live) => ({ ...live, row: row++ }));
  return texts.flatMap(({ live }) => live);
}
