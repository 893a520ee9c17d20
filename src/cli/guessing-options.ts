/** The options of commands that let somebody guess tokens, which the model reads in one pass. */
import type { Command } from 'commander';
import { ConfigError } from '../errors.ts';
import type { Guessing } from '../generate/parallel/guessing.ts';
import type { TokenCodec } from '../tokenizers/types.ts';
import { wholeNumber } from './numbers.ts';

/** What commander leaves of them. */
export interface GuessingFlags {
  readonly jacobi?: string;
  readonly draft?: string;
  readonly draftTokens?: string;
}

/** Adds `--jacobi`, `--draft` and `--draft-tokens`. */
export function addGuessingOptions(command: Command): Command {
  return command
    .option('--jacobi <n>', 'guess n tokens and read them in one pass: the texts of greedy decoding')
    .option(
      '--draft <model>',
      'a smaller model of the same vocabulary that guesses tokens for the other to read',
    )
    .option('--draft-tokens <n>', 'with --draft: tokens that are guessed at once');
}

/**
 * Who guesses tokens, if anybody does; of a model that drafts, its path.
 *
 * @throws {ConfigError} when a value cannot be used, or two options do not go together
 */
export function guessingOptions({ jacobi, draft, draftTokens }: GuessingFlags): Guessing<string> | undefined {
  if (draftTokens !== undefined && draft === undefined)
    throw new ConfigError({
      where: '--draft-tokens',
      expected: '--draft beside it',
      got: 'none',
      hint: 'name the model that guesses',
    });
  if (jacobi !== undefined) {
    refuseBeside('--jacobi', { '--draft': draft }, jacobi);
    return { kind: 'jacobi', blockSize: wholeNumber(jacobi, '--jacobi') };
  }
  if (draft === undefined) return undefined;
  const count = draftTokens === undefined ? {} : { draftTokens: wholeNumber(draftTokens, '--draft-tokens') };
  return { kind: 'speculative', draft, ...count };
}

/** @throws {ConfigError} when one of the other options is there too */
export function refuseBeside(
  where: string,
  others: Readonly<Record<string, string | undefined>>,
  got = 'both',
): void {
  const other = Object.keys(others).find((name) => others[name] !== undefined);
  if (other === undefined) return;
  throw new ConfigError({ where, expected: `none beside ${other}`, got, hint: 'leave one of the two out' });
}

/**
 * The model and the one that drafts must mean the same by every id.
 *
 * @param what - name of the vocabulary: `source vocabulary`
 * @param path - of the model that drafts
 * @throws {ConfigError} when they do not
 */
export function checkSameVocabulary(
  what: string,
  own: Pick<TokenCodec, 'vocabSize' | 'token'>,
  other: Pick<TokenCodec, 'vocabSize' | 'token'>,
  path: string,
): void {
  const ids = Array.from({ length: own.vocabSize }, (_, id) => id);
  if (own.vocabSize === other.vocabSize && ids.every((id) => own.token(id) === other.token(id))) return;
  throw new ConfigError({
    where: '--draft',
    expected: `a model with the same ${what}`,
    got: `${path}, which has another`,
    hint: 'train the small model with the tokenizers of the large one',
  });
}
