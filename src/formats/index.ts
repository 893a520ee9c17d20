/** File formats. */
export { loadHuggingFaceTokenizer } from './hf-tokenizer.ts';
export {
  MAX_HEADER_BYTES,
  readSafetensors,
  type SafetensorsFile,
  type StoredTensor,
  writeSafetensors,
} from './safetensors.ts';
export { loadSentencePiece } from './sentencepiece.ts';
export { readTokenizerFile } from './tokenizer-file.ts';
