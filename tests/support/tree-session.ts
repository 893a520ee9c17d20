/** Sessions whose next-token logits are a plain function of the tokens so far, and slow searches to compare with. */
import '../../src/backends/register.ts';
import { Random } from '../../src/core/random.ts';
import { type Tensor, tensor } from '../../src/core/tensor.ts';
import { lengthPenalty } from '../../src/generate/options.ts';
import type { BlockSession } from '../../src/generate/session.ts';

/** Logits of every token after `prefix` (begin token first) of text `text`. */
export type NextLogits = (prefix: readonly number[], text: number) => readonly number[];

/** Decoding over a function; records how many rows each step had. */
export class TreeSession implements BlockSession {
  readonly stepRows: number[] = [];
  private texts: { readonly text: number; readonly prefix: readonly number[] }[];
  private readonly next: NextLogits;

  constructor(next: NextLogits, texts = 1) {
    this.next = next;
    this.texts = Array.from({ length: texts }, (_, text) => ({ text, prefix: [] }));
  }

  get rows(): number {
    return this.texts.length;
  }

  step(tokens: readonly number[]): Tensor {
    if (tokens.length !== this.texts.length) throw new Error('one token for each row');
    this.stepRows.push(tokens.length);
    this.texts = this.texts.map(({ text, prefix }, i) => ({ text, prefix: [...prefix, tokens[i]!] }));
    const rows = this.texts.map(({ text, prefix }) => this.next(prefix, text));
    return tensor(rows, undefined, { device: 'reference' });
  }

  get length(): number {
    return this.texts[0]!.prefix.length;
  }

  extend(tokens: readonly (readonly number[])[]): Tensor {
    this.stepRows.push(tokens.length);
    const rows = this.texts.map(({ text, prefix }, i) =>
      tokens[i]!.map((_, t) => this.next([...prefix, ...tokens[i]!.slice(0, t + 1)], text)),
    );
    this.texts = this.texts.map(({ text, prefix }, i) => ({ text, prefix: [...prefix, ...tokens[i]!] }));
    return tensor(rows, undefined, { device: 'reference' });
  }

  truncate(length: number): void {
    if (length > this.length) throw new Error('only what is there can be kept');
    this.texts = this.texts.map(({ text, prefix }) => ({ text, prefix: prefix.slice(0, length) }));
  }

  select(places: readonly number[]): void {
    this.texts = places.map((place) => this.texts[place]!);
  }

  dispose(): void {}
}

/** Pseudo-random logits, the same for the same prefix; coarse ones make ties likely. */
export function randomTree(seed: number, vocabSize: number, isCoarse = false): NextLogits {
  return (prefix, text) => {
    const random = new Random(seed, `tree/${text}/${prefix.join(' ')}`);
    return Array.from({ length: vocabSize }, () => (isCoarse ? random.integer(2) : 2 * random.normal()));
  };
}

export function logSoftmaxOf(logits: readonly number[]): number[] {
  const largest = Math.max(...logits);
  const logSum = largest + Math.log(logits.reduce((sum, x) => sum + Math.exp(x - largest), 0));
  return logits.map((x) => x - logSum);
}

export interface SlowOptions {
  readonly bos: number;
  readonly eos: number;
  readonly maxNewTokens: number;
  readonly alpha: number;
}

export interface SlowHypothesis {
  readonly tokens: readonly number[];
  readonly logProb: number;
  readonly score: number;
  readonly complete: boolean;
}

interface Node {
  readonly tokens: readonly number[];
  readonly logProb: number;
}

function children(next: NextLogits, { tokens, logProb }: Node, { bos }: SlowOptions, text: number): Node[] {
  const logProbs = logSoftmaxOf(next([bos, ...tokens], text));
  return logProbs.map((p, token) => ({ tokens: [...tokens, token], logProb: logProb + p }));
}

function hypothesis({ tokens, logProb }: Node, { eos, alpha }: SlowOptions): SlowHypothesis {
  const complete = tokens.at(-1) === eos;
  const score = logProb / lengthPenalty(tokens.length, alpha);
  return { tokens: complete ? tokens.slice(0, -1) : tokens, logProb, score, complete };
}

/** Every text there is: all that end within the limit, and all that reach it without an end. Best first. */
export function enumerate(next: NextLogits, options: SlowOptions, text = 0): SlowHypothesis[] {
  const found: SlowHypothesis[] = [];
  const grow = (node: Node): void => {
    const isOver = node.tokens.at(-1) === options.eos || node.tokens.length === options.maxNewTokens;
    if (isOver) found.push(hypothesis(node, options));
    else for (const child of children(next, node, options, text)) grow(child);
  };
  grow({ tokens: [], logProb: 0 });
  return found.sort((a, b) => b.score - a.score);
}

/** Beam search by the book, without stopping early: the beam's best continuations, ended ones leave it. */
export function slowBeam(
  next: NextLogits,
  beamSize: number,
  options: SlowOptions,
  text = 0,
): SlowHypothesis[] {
  let live: Node[] = [{ tokens: [], logProb: 0 }];
  const found: SlowHypothesis[] = [];
  while (live.length > 0) {
    const all = live.flatMap((node) => children(next, node, options, text));
    const best = all.sort((a, b) => b.logProb - a.logProb).slice(0, beamSize);
    const isOver = ({ tokens }: Node): boolean =>
      tokens.at(-1) === options.eos || tokens.length === options.maxNewTokens;
    found.push(...best.filter(isOver).map((node) => hypothesis(node, options)));
    live = best.filter((node) => !isOver(node));
  }
  return found.sort((a, b) => b.score - a.score);
}
