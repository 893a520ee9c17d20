/** The saved form back to a tokenizer, with every field checked first. */
import type { CommonParts } from './kind.ts';
import { kinds, tokenizerKinds } from './kinds.ts';
import { normalizerNames, wellFormed } from './normalize.ts';
import { SavedFields, show } from './saved-fields.ts';
import { lastTexts, numSpecialTokens, specialTexts, specialTokensProblem } from './special-tokens.ts';
import type { SpecialTokens, Tokenizer } from './types.ts';

/**
 * Makes a tokenizer from what `toJSON` gave.
 *
 * @param json - the parsed content of a `tokenizer.json` of heed
 * @param file - named in errors
 * @throws TokenizerError when a field is missing, unknown or contradicts another one
 * @example
 * const tokenizer = loadTokenizer(JSON.parse(readFileSync('tokenizer.json', 'utf8')), 'tokenizer.json');
 */
export function loadTokenizer(json: unknown, file = 'tokenizer'): Tokenizer {
  const fields = new SavedFields(file, json);
  const [format, version] = [fields.get('format'), fields.get('version')];
  if (format !== 'heed-tokenizer') {
    fields.fail('format "heed-tokenizer"', show(format), 'heed tokenizer train makes such a file');
  }
  if (version !== 1) fields.fail('version 1', show(version), 'use a newer heed to read this file');
  const definition = kinds[fields.name('kind', tokenizerKinds)];
  const specialTokens = readSpecialTokens(fields);
  const pieces = readPieces(fields, specialTokens);
  const common: CommonParts = {
    format: 'heed-tokenizer',
    version: 1,
    normalizers: fields.names('normalizers', normalizerNames),
    specialTokens,
  };
  return definition.create(definition.read(fields, common, pieces), pieces);
}

function readSpecialTokens(fields: SavedFields): SpecialTokens<string> {
  const given = fields.object('specialTokens');
  const text = (name: string): string => given.get(name) as string;
  const mask = given.get('mask') === undefined ? {} : { mask: text('mask') };
  const tokens = { pad: text('pad'), unk: text('unk'), bos: text('bos'), eos: text('eos'), ...mask };
  const problem = specialTokensProblem(tokens);
  if (problem) fields.fail(`specialTokens to be ${problem}`, show(tokens), 'give pad, unk, bos and eos');
  return tokens;
}

/** The ordinary pieces in the order of their ids. */
function readPieces(fields: SavedFields, specialTokens: SpecialTokens<string>): string[] {
  const entries = fields.object('vocab').entries();
  const tokens = new Array<string | undefined>(entries.length);
  for (const [token, id] of entries) {
    if (!Number.isSafeInteger(id) || (id as number) < 0) fields.fail(`an id for '${token}'`, show(id));
    const index = id as number;
    if (index >= entries.length) {
      fields.fail(`ids 0 to ${entries.length - 1} without gaps`, `id ${index} for '${token}'`);
    }
    if (tokens[index] !== undefined) {
      fields.fail('every id once', `id ${index} for '${tokens[index]}' and '${token}'`);
    }
    if (token === '' || wellFormed(token) !== token) fields.fail('pieces of text', show(token));
    tokens[index] = token;
  }
  const end = tokens.length - lastTexts(specialTokens).length;
  specialTexts(specialTokens).forEach((text, i) => {
    const id = i < numSpecialTokens ? i : end;
    if (tokens[id] !== text) fields.fail(`'${text}' as id ${id}`, show(tokens[id]));
  });
  return tokens.slice(numSpecialTokens, end) as string[];
}
