/** Pairs of a sentence and its entities of one type, from tagged text: what is to be found becomes what is to be written. */
import { ConfigError, DataError, nearestName } from '../errors.ts';
import { spansOf } from '../metrics/tagging.ts';
import { readConll, type TaggedSentence } from './conll.ts';
import { type Example, makeExample } from './examples.ts';

/** Tagged sentences, see `readConll`. */
export interface EntitiesConfig {
  readonly format: 'entities';
  readonly path: string;
  /** Type of the entities that are asked for: `PER` of `B-PER`. */
  readonly type: string;
}

/** Between the entities of a sentence. */
const BETWEEN = ' ; ';

/** The entities of a type, tokens joined by spaces. */
function entitiesOf({ tokens, tags }: TaggedSentence, type: string): string[] {
  return spansOf(tags)
    .filter((span) => span.type === type)
    .map(({ start, end }) => tokens.slice(start, end).join(' '));
}

/**
 * Each sentence that has entities of the type: its tokens joined by spaces, and the entities, ` ; ` between them.
 *
 * @throws {DataError} when a line has no tag, or no sentence has such an entity
 * @example
 * readEntities({ format: 'entities', path: 'train.conll', type: 'PER' }); // 'Ada came' → 'Ada'
 */
export function readEntities({ path, type }: EntitiesConfig): Example[] {
  if (type === '') throw new ConfigError({ where: 'data.type', expected: 'a type of entities', got: '""' });
  const sentences = readConll(path);
  const examples = sentences.flatMap((sentence) => {
    const found = entitiesOf(sentence, type);
    return found.length > 0 ? [makeExample(sentence.tokens.join(' '), [found.join(BETWEEN)])] : [];
  });
  if (examples.length > 0) return examples;
  const types = new Set(sentences.flatMap(({ tags }) => spansOf(tags).map((span) => span.type)));
  const near = nearestName(type, [...types]);
  throw new DataError({
    where: path,
    file: path,
    problem: `no sentence has an entity of type "${type}"`,
    hint: near ? `did you mean "${near}"?` : `types are ${[...types].sort().join(', ')}`,
  });
}
