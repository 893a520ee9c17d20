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

/** Not for users: the two decisions of masking. */
export const maskingRules = {
  /** Whether a token may be selected. */
  isOrdinary(id: number, { mask, ordinary: [from, to] }: MaskingIds): boolean {
    return id >= from && id < to && id !== mask;
  },

  /** What stands in the place of a selected token. */
  replacement(
    id: number,
    { mask, ordinary: [from, to] }: MaskingIds,
    shares: Required<MaskingRates>,
    random: Random,
  ): number {
    const u = random.uniform();
    if (u < shares.mask) return mask;
    return u < shares.mask + shares.random ? from + random.integer(to - from) : id;
  },
};

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
  which: MaskingIds,
  random: Random,
  rates: MaskingRates = {},
): MaskedTokens {
  const shares = { rate: 0.15, mask: 0.8, random: 0.1, ...rates };
  checkMasking(which, shares);
  const ids = Int32Array.from(tokens);
  const free = [...ids.keys()].filter((place) => maskingRules.isOrdinary(ids[place]!, which));
  const drawn = free.filter(() => random.uniform() < shares.rate);
  const places = drawn.length > 0 || free.length === 0 ? drawn : [free[random.integer(free.length)]!];
  const labels = Int32Array.from(places, (place) => ids[place]!);
  for (const place of places) ids[place] = maskingRules.replacement(ids[place]!, which, shares, random);
  return { ids, places: Int32Array.from(places), labels };
}

function checkMasking({ ordinary: [from, to] }: MaskingIds, shares: Required<MaskingRates>): void {
  const { rate, mask, random } = shares;
  check(rate > 0 && rate <= 1, 'rate', 'a probability above 0 and at most 1', rate);
  check(mask >= 0, 'mask', 'a share of at least 0', mask);
  check(random >= 0, 'random', 'a share of at least 0', random);
  const sum = mask + random;
  check(sum <= 1 + 1e-9, 'mask', 'shares of mask and random that sum to at most 1', sum);
  check(to > from, 'ordinary', 'at least one ordinary token', to - from);
}

function check(fine: boolean, where: string, expected: string, got: number): void {
  if (!fine) throw new ConfigError({ where: `maskTokens.${where}`, expected, got: String(got) });
}
