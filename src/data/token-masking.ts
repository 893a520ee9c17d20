/**
 * Masking: some tokens of a text are hidden, replaced or kept, and have to be said.
 *
 * Papers: Devlin et al., BERT, 2018, §3.1, https://arxiv.org/abs/1810.04805; Liu et al., RoBERTa, 2019, §4.1 (another
 * mask in each epoch), https://arxiv.org/abs/1907.11692
 */
import { Random } from '../core/random.ts';
import { ConfigError } from '../errors.ts';

/** How many tokens are selected, and what becomes of them. */
export interface MaskingRates {
  /** Probability that a token is selected, above 0 and at most 1. Default 0.15. */
  readonly rate?: number;
  /** Share of the selected tokens that become the mask. Default 0.8. */
  readonly mask?: number;
  /** Share that become a random token. Default 0.1; the rest stay as they are. */
  readonly random?: number;
}

/** The ids that masking deals with. */
export interface MaskingIds {
  readonly mask: number;
  /** Ids from the first of them to before the second are ordinary: only they are selected and drawn. */
  readonly ordinary: readonly [from: number, to: number];
}

/** A text to learn from. */
export interface MaskedTokens {
  /** As many as in the text. */
  readonly ids: Int32Array;
  /** Of the selected tokens, rising. */
  readonly places: Int32Array;
  /** What stood there. */
  readonly labels: Int32Array;
}

/**
 * Where the chance of a mask comes from: the same for the same arguments, another one in every epoch.
 *
 * @param part - of the data, such as `train`
 * @param place - of the batch
 */
export function maskingRandom(seed: number, part: string, epoch: number, place: number): Random {
  return new Random(seed, `mask/${part}/epoch-${epoch}/batch-${place}`);
}

/**
 * Selects each ordinary token with probability `rate`, at least one where there is one, and hides 80 % of the selected
 * ones behind the mask, replaces 10 % by any ordinary token and keeps 10 %.
 *
 * @param tokens - of one text, or of several one after the other
 * @throws {ConfigError} when a rate or the shares cannot be used, or there are no ordinary ids
 * @example
 * const { ids, places, labels } = maskTokens(tokens, { mask: 30, ordinary: [4, 30] }, new Random(1, 'mask'));
 */
export function maskTokens(
  tokens: ArrayLike<number>,
  { mask, ordinary: [from, to] }: MaskingIds,
  random: Random,
  { rate = 0.15, mask: maskShare = 0.8, random: randomShare = 0.1 }: MaskingRates = {},
): MaskedTokens {
  check(rate > 0 && rate <= 1, 'rate', 'a probability above 0 and at most 1', rate);
  check(maskShare >= 0, 'mask', 'a share of at least 0', maskShare);
  check(randomShare >= 0, 'random', 'a share of at least 0', randomShare);
  const sum = maskShare + randomShare;
  check(sum <= 1 + 1e-9, 'mask', 'shares of mask and random that sum to at most 1', sum);
  check(to > from, 'ordinary', 'at least one ordinary token', to - from);
  const isOrdinary = (id: number): boolean => id >= from && id < to && id !== mask;
  const ids = Int32Array.from(tokens);
  const free = [...ids.keys()].filter((place) => isOrdinary(ids[place]!));
  const drawn = free.filter(() => random.uniform() < rate);
  const places = drawn.length > 0 || free.length === 0 ? drawn : [free[random.integer(free.length)]!];
  const labels = Int32Array.from(places, (place) => ids[place]!);
  for (const place of places) {
    const u = random.uniform();
    if (u < maskShare) ids[place] = mask;
    else if (u < sum) ids[place] = from + random.integer(to - from);
  }
  return { ids, places: Int32Array.from(places), labels };
}

function check(fine: boolean, where: string, expected: string, got: number): void {
  if (!fine) throw new ConfigError({ where: `maskTokens.${where}`, expected, got: String(got) });
}
