/** File formats. */
export type { PairEncoding, PairOptions } from './hf-pairs.ts';
export { type HuggingFaceTokenizer, loadHuggingFaceTokenizer } from './hf-tokenizer.ts';
export {
  MAX_HEADER_BYTES,
  readSafetensors,
  type SafetensorsFile,
  type StoredTensor,
  writeSafetensors,
} from './safetensors.ts';
export { loadSentencePiece, type SentencePieceTokenizer } from './sentencepiece.ts';
export { readTokenizerFile } from './tokenizer-file.ts';
