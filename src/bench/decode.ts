/** Greedy decoding with caches: 32 tokens for each text, which random weights never end. */
import type { Device } from '../core/device.ts';
import { greedySearch } from '../generate/greedy.ts';
import { ModelSession } from '../generate/session.ts';
import { quantize } from '../nn/quantize.ts';
import type { QuantizedType } from '../ops/quantized-linear/panels.ts';
import { type BenchShape, benchModel, median, randomIds } from './shapes.ts';

const NEW_TOKENS = 32;

/** A function that encodes and decodes a batch each time it is called, with weights of a type. */
export function decodingRun(
  shape: BenchShape,
  device: Device,
  batch: number,
  dtype?: QuantizedType,
): () => void {
  const model = benchModel(shape, device).eval();
  if (dtype) quantize(model, { dtype });
  const source = randomIds(batch, shape.sourceLength, shape.vocabSize, device);
  return () => {
    const session = new ModelSession(
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
  };
}

/** Until the runtime has compiled what runs often. */
const WARM_UP_MS = 1000;

/** Tokens per second, median over `rounds` after a second that is not counted, encoding included. */
export function benchDecoding(
  shape: BenchShape,
  device: Device,
  batch: number,
  rounds: number,
  dtype?: QuantizedType,
): number {
  const decode = decodingRun(shape, device, batch, dtype);
  const begin = performance.now();
  do decode();
  while (performance.now() - begin < WARM_UP_MS);
  const times = Array.from({ length: rounds }, () => {
    const start = performance.now();
    decode();
    return performance.now() - start;
  });
  return (1000 * batch * NEW_TOKENS) / median(times);
}
