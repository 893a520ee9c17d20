/** Learns byte-pair merges from a few sentences and takes a new word apart with them. */
import { compressionReport, loadTokenizer, trainTokenizer } from 'heed';

const text = [
  'the lower the newer the wider',
  'lower and lowest, newer and newest, wider and widest',
  'a slow snow is slower than the slowest snow',
];

const tokenizer = trainTokenizer({ kind: 'bpe', vocabSize: 60, normalizers: ['nfc', 'lowercase'] }, text);
console.log(`${tokenizer.vocabSize} pieces`);

const word = 'The narrowest';
const ids = tokenizer.encode(word);
console.log(`${word} -> ${ids.map((id) => tokenizer.token(id)).join(' | ')}`);
console.log(`back -> ${tokenizer.decode(ids)}`);

const { offsets } = tokenizer.encodeWithOffsets(word);
console.log(`taken from -> ${offsets.map(([start, end]) => word.slice(start, end)).join(' | ')}`);

// Saved as JSON and loaded again, it is the same tokenizer.
const again = loadTokenizer(JSON.parse(JSON.stringify(tokenizer)), 'memory');
console.log(`same after saving: ${again.encode(word).join() === ids.join()}`);

const { charsPerToken } = compressionReport(tokenizer, text);
console.log(`${charsPerToken.toFixed(2)} characters a token`);
