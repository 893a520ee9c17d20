/** Who turns the texts of a pair into ids and back: two tokenizers, or one with ids beyond its vocabulary. */
import { ExtendedVocabulary } from './extended-vocabulary.ts';
import { SentinelVocabulary } from './sentinels.ts';
import type { PairCodec, Tokenizer } from './types.ts';

/** Tokenizers of the two sides. */
interface PairTokenizers {
  readonly source: Tokenizer;
  readonly target: Tokenizer;
}

/**
 * The codec of a pair.
 *
 * @param copies - unknown words of the source get ids beyond the vocabulary, which both sides must share
 * @param sentinels - ids beyond the vocabulary stand for hidden spans
 */
export function pairCodec(
  { source, target }: PairTokenizers,
  text: string,
  { copies, sentinels }: { readonly copies: boolean; readonly sentinels: number },
): PairCodec {
  if (copies) return new ExtendedVocabulary(source, text);
  if (sentinels > 0) return new SentinelVocabulary(source, sentinels, text);
  return {
    source: source.encode(text),
    encode: (line) => target.encode(line),
    decode: (ids) => target.decode(ids),
    sourceToken: (id) => source.token(id),
    targetToken: (id) => target.token(id),
  };
}
