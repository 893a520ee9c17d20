/** The refusal of sampling. */
import { TokenizerError } from '../errors.ts';

/** @throws TokenizerError always */
export function refuseSampling(what: string): never {
  throw new TokenizerError({
    where: 'Tokenizer.encode',
    expected: 'no sampling',
    got: `sampling for ${what}, which gives one segmentation for a text`,
    hint: 'tokenizers of kind bpe and unigram draw segmentations',
  });
}
