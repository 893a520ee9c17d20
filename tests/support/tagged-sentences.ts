/** Sentences whose tags are known, in files of columns, and a run of a second that learns them. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '../../src/index.ts';

/** Names of one to three words after "mr", places of one word after "in"; the words themselves tell nothing. */
export function taggedSentences(count: number, seed: number): { tokens: string[]; tags: string[] }[] {
  const random = new Random(seed, 'tagged-sentences');
  const word = (): string => `w${random.integer(30)}`;
  return Array.from({ length: count }, () => {
    const tokens: string[] = [];
    const tags: string[] = [];
    for (let parts = 2 + random.integer(3); parts > 0; parts--) {
      const kind = random.integer(3);
      if (kind === 0) {
        tokens.push('mr', word(), word(), 'said');
        tags.push('O', 'B-PER', 'E-PER', 'O');
      } else if (kind === 1) {
        tokens.push('in', word(), '.');
        tags.push('O', 'S-LOC', 'O');
      } else {
        tokens.push('and', 'then');
        tags.push('O', 'O');
      }
    }
    return { tokens, tags };
  });
}

/** In columns. */
export function inColumns(sentences: ReturnType<typeof taggedSentences>): string {
  return sentences
    .map(({ tokens, tags }) => tokens.map((token, i) => `${token} ${tags[i]}\n`).join(''))
    .join('\n');
}

/** Writes `train.conll`, `validation.conll` and `test.conll`. */
export function writeTagged(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const sizes = { train: 120, validation: 20, test: 30 };
  for (const [i, [part, count]] of Object.entries(sizes).entries())
    writeFileSync(join(folder, `${part}.conll`), inColumns(taggedSentences(count, i + 1)));
}

const windowTagger = { kind: 'window-tagger', dModel: 12, window: 2, dFf: 24, dropout: 0.1 };

/** A description of such a run; a model with a `kind` is another one altogether. */
export function taggingDescription(
  folder: string,
  over: { data?: object; model?: object; training?: object; evaluation?: object; tokenizer?: object } = {},
): Record<string, unknown> {
  return {
    name: 'tiny-tags',
    data: {
      ...{
        format: 'conll',
        folder,
        train: 'train.conll',
        validation: 'validation.conll',
        test: 'test.conll',
      },
      ...{ maxTokens: 120, ...over.data },
    },
    tokenizer: over.tokenizer ?? { source: { kind: 'word', minFrequency: 2 }, target: { kind: 'word' } },
    model: 'kind' in (over.model ?? {}) ? over.model : { ...windowTagger, ...over.model },
    training: {
      ...{ maxSteps: 120, learningRate: 0.02, schedule: 'cosine', warmupSteps: 5, labelSmoothing: 0 },
      ...{ checkpointEvery: 40, logEvery: 10, average: { of: 'last', count: 2 }, ...over.training },
    },
    evaluation: { every: 40, selectBy: 'f1', samples: 3, ...over.evaluation },
  };
}
