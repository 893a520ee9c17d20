/** Tokenizers. */
import type { Mechanism } from './mechanism.ts';

const properties = 'tests/properties/tokenizers.test.ts';
const oracles = 'tests/tokenizer-oracles.test.ts';

export const rows: readonly Mechanism[] = [
  {
    id: 'B5',
    name: 'BPE merge selection and stop rules',
    file: 'src/tokenizers/bpe-trainer.ts',
    verification:
      'merges for one or several a step equal those of counting everything again before each step; tokens per word by `heed tokenizer report`',
    test: properties,
    more: ['src/tokenizers/bpe-trainer.test.ts', 'src/cli/commands/tokenizer.test.ts'],
  },
  {
    id: 'B6',
    name: 'Byte-level BPE and byte fallback',
    file: 'src/tokenizers/bpe.ts',
    verification:
      'any text comes back without unknown tokens; encodings equal those of RoBERTa, CLIP and Llama 2, hostile strings included',
    test: oracles,
    more: [properties, 'src/tokenizers/byte-alphabet.test.ts'],
    titles: /bpe_byte_level/,
  },
  {
    id: 'B7',
    name: 'WordPiece',
    file: 'src/tokenizers/wordpiece.ts',
    verification:
      'merges equal a recount of f(ab)/(f(a)f(b)) and differ from BPE; ids equal on BERT’s vocabulary; 95 % of the pieces of another trainer',
    test: 'src/tokenizers/wordpiece.test.ts',
    more: [properties, oracles],
    titles: /wordpiece/,
  },
  {
    id: 'B8',
    name: 'Unigram language model, subword regularisation, BPE-dropout',
    file: 'src/tokenizers/unigram.ts',
    verification:
      'Viterbi and expected counts equal brute force over all splits; likelihood never falls under EM; samples follow P^alpha; BPE-dropout drops each merge with its probability, none for 0 and all for 1; 95 % of the pieces of another trainer',
    test: 'src/tokenizers/lattice.test.ts',
    more: [properties, oracles, 'src/tokenizers/unigram.test.ts', 'src/tokenizers/bpe-model.test.ts'],
    titles: /unigram/,
  },
  {
    id: 'B9',
    name: 'SentencePiece',
    file: 'src/tokenizers/metaspace.ts',
    verification:
      'double spaces, no spaces and written marks come back; pieces, ids, text and n best equal the library’s on six models',
    test: 'tests/sentencepiece-oracles.test.ts',
    more: [properties],
  },
  {
    id: 'B10',
    name: 'Chinese, alone and mixed with English',
    file: 'src/tokenizers/compression.ts',
    verification:
      'held-out lines come back from bytes, lose rare characters otherwise; tokens per character by method',
    test: 'tests/chinese-tokenizers.test.ts',
  },
  {
    id: 'B13',
    name: 'Compression of a tokenizer, its vocabulary included',
    file: 'src/tokenizers/compression.ts',
    verification: 'tokens fall with every merge, from those of characters towards those of words',
    test: 'src/tokenizers/compression.test.ts',
    more: ['src/cli/commands/tokenizer.test.ts'],
  },
];
