/** Greedy decoding with caches: 32 tokens for each text, which random weights never end. */
import type { Device } from '../core/device.ts';
import { greedySearch } from '../generate/greedy.ts';
import { TransformerSession } from '../generate/session.ts';
import { type BenchShape, benchModel, median, randomIds } from './shapes.ts';

const NEW_TOKENS = 32;

/** Tokens per second, median over `rounds`, encoding included. */
export function benchDecoding(shape: BenchShape, device: Device, batch: number, rounds: number): number {
  const model = benchModel(shape, device).eval();
  const source = randomIds(batch, shape.sourceLength, shape.vocabSize, device);
  const decode = (): number => {
    const start = performance.now();
    const session = new TransformerSession(
      model,
      {
        ids: source.data as Int32Array,
        mask: new Uint8Array(source.size).fill(1),
        batch,
        length: shape.sourceLength,
      },
      NEW_TOKENS + 1,
      { best: 1 },
    );
    greedySearch(session, { bos: 2, eos: 3, forbidden: [3], maxNewTokens: NEW_TOKENS });
    session.dispose();
    return performance.now() - start;
  };
  decode();
  return (1000 * batch * NEW_TOKENS) / median(Array.from({ length: rounds }, decode));
}
