/** Texts with two right answers each: five letters that may be said forwards or backwards. */
import type { TokenPair } from '../../src/data/batching.ts';
import { Translator } from '../../src/generate/translator.ts';
import { NonAutoregressive, type NonAutoregressiveConfig, Random, Transformer } from '../../src/index.ts';
import type { EncoderDecoder } from '../../src/models/encoder-decoder.ts';
import { letterTokenizers } from './reversed-strings.ts';

const tokenizers = letterTokenizers();

const size = {
  ...{ sourceVocabSize: 12, targetVocabSize: 12, maxSeqLen: 24, dModel: 32, dFf: 64 },
  ...{ numHeads: 4, numEncoderLayers: 1, numDecoderLayers: 1, dropout: 0 },
};

export function natFor(
  device: string,
  config: Partial<NonAutoregressiveConfig> = {},
  seed = 1,
): NonAutoregressive {
  return new NonAutoregressive({ ...size, ...config }, { random: new Random(seed, 'init'), device });
}

export function transformerFor(device: string, seed = 1): Transformer {
  return new Transformer(size, { random: new Random(seed, 'init'), device });
}

/** A model like another one, with its weights, that takes so many passes. */
export function withIterations(trained: NonAutoregressive, iterations: number): NonAutoregressive {
  const model = natFor(trained.device.name, { masking: 'random', iterations });
  model.loadStateDict(trained.stateDict());
  return model;
}

/** Ids of five different letters each. */
export function drawSources(count: number, seed: number): number[][] {
  const random = new Random(seed, 'sources');
  const letters = [4, 5, 6, 7, 8, 9, 10, 11];
  return Array.from({ length: count }, () => random.shuffle([...letters]).slice(0, 5));
}

/** Each source with both of its answers. */
export const bothAnswers = (sources: readonly (readonly number[])[]): TokenPair[] =>
  sources.flatMap((source) => [
    { source, target: source },
    { source, target: source.toReversed() },
  ]);

/** What a model says to each source. */
export function outputsOf(model: EncoderDecoder, sources: readonly (readonly number[])[]): string[] {
  const texts = sources.map((source) => tokenizers.source.decode(source));
  return new Translator(model, tokenizers).translate(texts).map(({ text }) => text);
}

/** How many outputs are neither of the right ones. */
export function mixedOf(outputs: readonly string[], sources: readonly (readonly number[])[]): number {
  return outputs.filter((text, i) => {
    const source = sources[i]!;
    return ![source, source.toReversed()].some((ids) => text === tokenizers.source.decode(ids));
  }).length;
}
