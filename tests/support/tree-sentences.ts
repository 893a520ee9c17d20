/** Sentences of random words in random trees, and a question that only the tree answers: the head of each word. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '../../src/core/random.ts';
import type { DependencySentence } from '../../src/data/conllu.ts';

const words = ['ape', 'bee', 'cat', 'dog', 'eel', 'fox', 'gnu', 'hen'];

/** A sentence, and for each word its head, `top` for the root. */
export interface TreeExample {
  readonly sentence: DependencySentence;
  readonly target: string;
}

/** Sentences of three to six words; every word may hang from any other. */
export function treeExamples(count: number, seed = 1): TreeExample[] {
  const random = new Random(seed, 'tree-sentences');
  return Array.from({ length: count }, () => {
    const length = 3 + random.integer(4);
    const order = Array.from({ length }, (_, i) => i);
    random.shuffle(order);
    const heads = new Array<number>(length).fill(-1);
    for (let i = 1; i < length; i++) heads[order[i]!] = order[random.integer(i)]!;
    const drawn = heads.map(() => words[random.integer(words.length)]!);
    const relations = heads.map((head) => (head === -1 ? 'root' : head % 2 ? 'obj' : 'nsubj'));
    const target = heads.map((head) => (head === -1 ? 'top' : drawn[head]!)).join(' ');
    return { sentence: { words: drawn, heads, relations }, target };
  });
}

/** CoNLL-U of a sentence, with the empty line behind it. */
export function conlluOf({ words: forms, heads, relations }: DependencySentence): string {
  const rows = forms.map(
    (form, i) => `${i + 1}\t${form}\t_\t_\t_\t_\t${heads[i]! + 1}\t${relations[i]}\t_\t_\n`,
  );
  return `# text = ${forms.join(' ')}\n${rows.join('')}\n`;
}

/** Writes `NAME.conllu` and `NAME.txt`. */
export function writeTreeExamples(folder: string, name: string, examples: readonly TreeExample[]): void {
  writeFileSync(join(folder, `${name}.conllu`), examples.map(({ sentence }) => conlluOf(sentence)).join(''));
  writeFileSync(join(folder, `${name}.txt`), examples.map(({ target }) => `${target}\n`).join(''));
}

/** An experiment on such files. */
export function treeExperiment(folder: string, model: object, training: object = {}): object {
  const part = (name: string): object => ({
    format: 'conllu',
    source: join(folder, `${name}.conllu`),
    target: join(folder, `${name}.txt`),
  });
  return {
    name: 'heads',
    data: { train: part('train'), validation: part('test'), test: part('test'), maxTokens: 300 },
    tokenizer: { shared: { kind: 'word' } },
    model: {
      ...{ dModel: 32, dFf: 64, numHeads: 2, numEncoderLayers: 2, numDecoderLayers: 1, maxSeqLen: 300 },
      ...{ dropout: 0, ...model },
    },
    training: {
      ...{ maxSteps: 300, learningRate: 0.005, schedule: 'constant', warmupSteps: 20, labelSmoothing: 0 },
      ...{ logEvery: 100, checkpointEvery: 1000, ...training },
    },
    evaluation: { every: 1000, metrics: ['wer'], samples: 1 },
  };
}
