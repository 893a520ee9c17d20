/** Options of decoding, shared by greedy and beam search. */
import { refuseIssues } from '../errors.ts';

/** Options that greedy and beam search share. */
export interface DecodingOptions {
  /** Id that starts a target text; one for all or one for each text. */
  readonly bos: number | readonly number[];
  /** Id that ends it. */
  readonly eos: number;
  /** Most tokens of a result, the end token not counted; one limit for all or one for each text. */
  readonly maxNewTokens: number | readonly number[];
  /** Tokens that a result must start with, for each text. */
  readonly prefixes?: readonly (readonly number[])[];
  /** Ids that are never chosen, such as padding. */
  readonly forbidden?: readonly number[];
  /** Is told each token of each text as it comes, the end token excepted; not by beam search. */
  readonly onToken?: ((text: number, token: number) => void) | undefined;
  /** α of the length penalty ((5 + length)/6)^α; 0, the default, compares plain log-probabilities. */
  readonly lengthPenalty?: number;
}

/** Options of beam search. */
export interface BeamOptions extends DecodingOptions {
  /** Hypotheses kept for each text. */
  readonly beamSize: number;
  /** Results for each text, at most `beamSize`. */
  readonly nBest: number;
}

/** One decoded text. */
export interface Hypothesis {
  /** Without begin and end token. */
  readonly tokens: readonly number[];
  /** `logProb / ((5 + length)/6)^α`, the length with the end token. */
  readonly score: number;
  /** Sum of the log-probabilities of its tokens, the end token's included. */
  readonly logProb: number;
  /** Whether it ended by itself, and not at the limit. */
  readonly complete: boolean;
}

/** The limit of one text. */
export function limitOf({ maxNewTokens }: DecodingOptions, text: number): number {
  return typeof maxNewTokens === 'number' ? maxNewTokens : (maxNewTokens[text] ?? 0);
}

/** The token that one text starts with. */
export function beginOf({ bos }: DecodingOptions, text: number): number {
  return typeof bos === 'number' ? bos : bos[text]!;
}

/** ((5 + length)/6)^α. Paper: Wu et al., GNMT, 2016, §7, https://arxiv.org/abs/1609.08144 */
export function lengthPenalty(length: number, alpha = 0): number {
  return ((5 + length) / 6) ** alpha;
}

type Issue = { readonly path: string; readonly message: string };

function isCount(n: number, least: number): boolean {
  return Number.isSafeInteger(n) && n >= least;
}

function resultIssues(nBest: number, most: number, mostIs: string): Issue[] {
  if (isCount(nBest, 1) && nBest <= most) return [];
  const range = most === Number.POSITIVE_INFINITY ? 'of at least 1' : `from 1 to ${mostIs} (${most})`;
  return [{ path: 'nBest', message: `expected a whole number ${range}, got ${nBest}` }];
}

function commonIssues({ maxNewTokens, lengthPenalty: alpha = 0 }: DecodingOptions): Issue[] {
  const issues: Issue[] = [];
  const wrong = [maxNewTokens].flat().find((n) => !isCount(n, 0));
  if (wrong !== undefined)
    issues.push({ path: 'maxNewTokens', message: `expected a whole number of at least 0, got ${wrong}` });
  if (!(alpha >= 0 && Number.isFinite(alpha)))
    issues.push({ path: 'lengthPenalty', message: `expected a number of at least 0, got ${alpha}` });
  return issues;
}

function refuse(issues: readonly Issue[]): void {
  refuseIssues('decoding', issues);
}

/**
 * @param nBest - results for each text, where there may be several
 * @throws {ConfigError} listing every option that cannot be used
 */
export function checkDecodingOptions(options: DecodingOptions, nBest = 1): void {
  refuse([...resultIssues(nBest, Number.POSITIVE_INFINITY, ''), ...commonIssues(options)]);
}

/**
 * @throws {ConfigError} listing every option that cannot be used
 */
export function checkBeamOptions(options: BeamOptions): void {
  const { beamSize, nBest } = options;
  const issues: Issue[] = [];
  if (!isCount(beamSize, 1))
    issues.push({ path: 'beamSize', message: `expected a whole number of at least 1, got ${beamSize}` });
  refuse([...issues, ...resultIssues(nBest, beamSize, 'beamSize'), ...commonIssues(options)]);
}
