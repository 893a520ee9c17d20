/** A tokenizer from the bytes of a file, whichever program wrote it. */
import { FormatError } from '../errors.ts';
import { loadTokenizer } from '../tokenizers/load.ts';
import type { TokenCodec } from '../tokenizers/types.ts';
import { loadHuggingFaceTokenizer } from './hf-tokenizer.ts';
import { loadSentencePiece } from './sentencepiece.ts';

/**
 * Reads a `tokenizer.json` of heed or of Hugging Face, or a `.model` of SentencePiece.
 *
 * @param file - named in errors; the ending `.model` says what the bytes are
 * @throws FormatError when the bytes are none of these
 * @throws TokenizerError when the parts of the tokenizer contradict each other
 * @example
 * const tokenizer = readTokenizerFile(readFileSync('m.model'), 'm.model');
 */
export function readTokenizerFile(bytes: Uint8Array, file: string): TokenCodec {
  if (file.endsWith('.model')) return loadSentencePiece(bytes, file);
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    const got = (error as Error).message;
    const hint = 'a SentencePiece model ends in .model';
    throw new FormatError({ where: file, file, expected: 'a tokenizer as JSON', got, hint, cause: error });
  }
  const isHuggingFace = typeof json === 'object' && json !== null && 'model' in json && !('format' in json);
  return isHuggingFace ? loadHuggingFaceTokenizer(json, { file }) : loadTokenizer(json, file);
}
