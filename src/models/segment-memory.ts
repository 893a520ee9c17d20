/**
 * What a language model keeps of the segments before: the inputs of every layer, without their history, so that no
 * gradient flows into an earlier segment.
 *
 * Paper: Dai et al., Transformer-XL, 2019, §3.2, https://arxiv.org/abs/1901.02860
 */
import { Tensor } from '../core/tensor.ts';
import type { StoredTensor } from '../formats/safetensors.ts';

/** Layer inputs `[B, M, C]` of the last M tokens of each text, outside every scope. */
export class SegmentMemory {
  readonly layers: readonly Tensor[];

  constructor(layers: readonly Tensor[]) {
    this.layers = layers;
  }

  /** M */
  get length(): number {
    return this.layers[0]?.shape[1] ?? 0;
  }

  /** Tensors by name, for a checkpoint. */
  stateDict(): Map<string, Tensor> {
    return new Map(this.layers.map((layer, i) => [`layers.${i}`, layer]));
  }

  /**
   * The memory that `stateDict` gave.
   *
   * @param like - gives device and element type
   */
  static from(state: ReadonlyMap<string, StoredTensor>, like: Tensor): SegmentMemory {
    const layers = Array.from({ length: state.size }, (_, i) => {
      const { shape, data } = state.get(`layers.${i}`)!;
      const made = Tensor.empty(shape, like.dtype, like.device, 'SegmentMemory').keep();
      made.data.set(data);
      return made;
    });
    return new SegmentMemory(layers);
  }

  dispose(): void {
    for (const layer of this.layers) layer.dispose();
  }
}

/**
 * The last `room` tokens of `before` and `now` together, as a copy that knows nothing of where it came from.
 *
 * @param before - `[B, M, C]`, or null
 * @param now - `[B, T, C]`
 * @returns `[B, min(room, M + T), C]`, kept
 */
export function remembered(before: Tensor | null, now: Tensor, room: number): Tensor {
  const [batch, length, width] = now.shape as [number, number, number];
  const earlier = before?.shape[1] ?? 0;
  const kept = Math.min(room, earlier + length);
  const fromNow = Math.min(kept, length);
  const fromBefore = kept - fromNow;
  const made = Tensor.empty([batch, kept, width], now.dtype, now.device, 'SegmentMemory').keep();
  for (let b = 0; b < batch; b++) {
    const at = b * kept * width;
    if (before && fromBefore > 0)
      made.data.set(
        before.data.subarray((b + 1) * earlier * width - fromBefore * width, (b + 1) * earlier * width),
        at,
      );
    made.data.set(
      now.data.subarray((b + 1) * length * width - fromNow * width, (b + 1) * length * width),
      at + fromBefore * width,
    );
  }
  return made;
}
