/** `heed tokenizer report`: how well tokenizers compress a text, beside its words and its characters. */
import type { Command } from 'commander';
import { readBytes } from '../../data/file-bytes.ts';
import { readLines } from '../../data/lines.ts';
import { readTokenizerFile } from '../../formats/tokenizer-file.ts';
import {
  type BpeData,
  type CompressionReport,
  compressionReport,
  loadTokenizer,
  type TokenCodec,
  trainTokenizer,
} from '../../tokenizers/index.ts';
import { examples } from '../examples.ts';
import { printJson } from '../output.ts';

interface ReportFlags {
  readonly input: string[];
  readonly curve?: boolean;
  readonly json?: boolean;
}

interface Row extends CompressionReport {
  readonly name: string;
  readonly vocabSize: number;
}

/** Registers the command. */
export function registerTokenizerReport(tokenizer: Command): void {
  tokenizer
    .command('report <tokenizers...>')
    .description(
      'how well tokenizers compress a text, what they lose of it, and what their vocabularies cost',
    )
    .requiredOption('--input <files...>', 'text files, best those that no tokenizer has learned from')
    .option('--curve', 'each byte-pair tokenizer also with a part of its merges, tenth by tenth')
    .option('--json', 'print one JSON object for each row')
    .addHelpText(
      'after',
      examples(
        'heed tokenizer report bpe.json unigram.json m.model --input valid.txt',
        'heed tokenizer report bpe.json --curve --input valid.txt',
      ),
    )
    .action(report);
}

function report(paths: readonly string[], flags: ReportFlags): void {
  const codecs = paths.map((path) => ({ name: path, codec: readTokenizerFile(readBytes(path), path) }));
  const lines = flags.input.flatMap((file) => [...readLines(file)]);
  const rows: Row[] = [];
  const measure = (name: string, codec: TokenCodec): void => {
    rows.push({ name, vocabSize: codec.vocabSize, ...compressionReport(codec, lines) });
  };
  measure('words', trainTokenizer({ kind: 'word' }, lines));
  measure('characters', trainTokenizer({ kind: 'char' }, lines));
  for (const { name, codec } of codecs) {
    if (flags.curve) for (const [part, fewer] of withFewerMerges(codec)) measure(`${name} ${part}`, fewer);
    measure(name, codec);
  }
  if (flags.json) for (const row of rows) printJson(row);
  else process.stdout.write(table(rows));
}

/** A byte-pair tokenizer of heed with no merges, a tenth of them, two tenths … */
function* withFewerMerges(codec: TokenCodec): Generator<[name: string, codec: TokenCodec]> {
  const data = 'toJSON' in codec ? (codec as { toJSON(): { readonly kind: string } }).toJSON() : undefined;
  if (data?.kind !== 'bpe') return;
  const { merges, vocab, ...rest } = data as BpeData;
  const results = new Map(merges.map(([left, right], rank) => [left + right, rank] as const).reverse());
  for (let tenth = 0; tenth < 10; tenth++) {
    const kept = Math.round((tenth / 10) * merges.length);
    const pieces = Object.keys(vocab).filter((piece) => (results.get(piece) ?? -1) < kept);
    const ids = pieces.sort((a, b) => vocab[a]! - vocab[b]!).map((piece, id) => [piece, id]);
    const fewer = { ...rest, merges: merges.slice(0, kept), vocab: Object.fromEntries(ids) };
    yield [`${kept} merges`, loadTokenizer(fewer)];
  }
}

const columns: readonly (readonly [title: string, value: (row: Row) => string])[] = [
  ['vocabulary', ({ vocabSize }) => vocabSize.toLocaleString('en')],
  ['tokens', ({ tokens }) => tokens.toLocaleString('en')],
  ['chars/token', ({ charsPerToken }) => charsPerToken.toFixed(2)],
  ['tokens/char', ({ tokens, characters }) => (tokens / characters).toFixed(3)],
  ['tokens/word', ({ tokensPerWord }) => tokensPerWord.toFixed(3)],
  ['unknown chars', ({ unknownCharacters, characters }) => percent(unknownCharacters / characters)],
  ['lines restored', ({ restoredLines, lines }) => percent(restoredLines / lines)],
  ['text bits/byte', ({ textBits, bytes }) => (textBits / bytes).toFixed(3)],
  ['with vocabulary', ({ bitsPerByte }) => bitsPerByte.toFixed(3)],
];

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}

function table(rows: readonly Row[]): string {
  const cells = [
    ['', ...columns.map(([title]) => title)],
    ...rows.map((row) => [row.name, ...columns.map(([, value]) => value(row))]),
  ];
  const widths = cells[0]!.map((_, i) => Math.max(...cells.map((line) => line[i]!.length)));
  const pad = (text: string, i: number): string =>
    i === 0 ? text.padEnd(widths[i]!) : text.padStart(widths[i]!);
  return cells.map((line) => `${line.map(pad).join('  ')}\n`).join('');
}
