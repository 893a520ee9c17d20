/**
 * The Transformer's decoder, a token for each of many texts at a time, as a single kernel launch a step.
 *
 * Keys and values stay where they were written: `slots` says in which row of the cache each earlier token of a text
 * stands, `sources` which source is its own. Beams that split and texts that leave only change these numbers.
 */
import type { Device } from '../core/device.ts';
import type { TypedArray } from '../core/dtype.ts';
import { scope } from '../core/scope.ts';
import { noGrad } from '../core/tape.ts';
import { Tensor } from '../core/tensor.ts';
import { keptMask, type Mask } from '../nn/attention/masks.ts';
import { isCapturing } from '../nn/capture.ts';
import { tooManyPositions } from '../nn/position/index.ts';
import { activationCode } from '../ops/activate/index.ts';
import {
  type DecoderModel,
  type DecoderParts,
  decoderParts,
  type LayerMemory,
  type Stored,
} from './decoder-parts.ts';
import type { BestQuery, BestTokens, DecodingState } from './encoder-decoder.ts';
import { StepMemory } from './step-memory.ts';

/** Most tokens for each text that the kernel keeps sorted. */
const MOST_BEST = 64;

/** Texts from which on products with weights in panels are faster; the copies cost as much as two or three steps save. */
const PANEL_ROWS = 2;

/** Copies of the weights of models in panels. */
type Panels = Map<DecoderModel, PanelCopies>;

interface PanelCopies {
  readonly memory: Tensor;
  readonly of: ReadonlyMap<Stored, TypedArray>;
}

let shared: Panels | undefined;

/**
 * Runs a body that decodes batch after batch: they share the copies of weights that the first one makes.
 *
 * @param body - must change no weights, and leave no decoder behind
 */
export function withSharedPanels<T>(body: () => T): T {
  if (shared) return body();
  const panels: Panels = new Map();
  shared = panels;
  try {
    return body();
  } finally {
    shared = undefined;
    disposeAll(panels);
  }
}

function disposeAll(panels: Panels): void {
  for (const { memory } of panels.values()) memory.dispose();
}

/** Keys and values of the texts so far, in one piece of memory. */
interface OwnCaches {
  readonly memory: Tensor;
  readonly layers: readonly Pick<LayerMemory, 'keys' | 'values'>[];
}

export class FusedDecoder implements DecodingState {
  /** Tokens so far. */
  length = 0;
  private rows: number;
  private readonly model: DecoderModel;
  private readonly parts: DecoderParts;
  private readonly device: Device;
  private readonly room: number;
  private own: OwnCaches;
  /** Keys and values of the sources, layer by layer. */
  private readonly ofSources: readonly { readonly keys: Tensor; readonly values: Tensor }[];
  /** Made when the first step of several texts comes. */
  private readonly panels: Panels = shared ?? new Map();
  private readonly ownsPanels = shared === undefined;
  /** The arguments of a launch that stay the same from step to step; undefined when a cache has moved. */
  private lasting: { readonly hasPanels: boolean; readonly data: readonly (TypedArray | null)[] } | undefined;
  private readonly mask: Tensor | null;
  private readonly sourceLength: number;
  private memory: StepMemory;

  /** Whether the kernel knows this model: plain layers, positions that are added or turn, nobody looking inside. */
  static knows(model: DecoderModel, count: number): boolean {
    const { device, dtype } = model.targetEmbedding.weight;
    const plain = device.supports('decoder_step') && dtype === 'float32' && count <= MOST_BEST;
    return plain && !model.training && !isCapturing() && decoderParts(model) !== undefined;
  }

  /**
   * @param memory - `[B, S, C]`, from the encoder
   * @param mask - `[B, 1, 1, S]`
   * @param room - most target tokens that will come
   */
  constructor(model: DecoderModel, memory: Tensor, mask: Mask | null, room: number) {
    const [batch, length] = memory.shape as [number, number, number];
    this.model = model;
    this.parts = decoderParts(model)!;
    this.device = memory.device;
    this.room = room;
    this.sourceLength = length;
    this.rows = batch;
    this.mask = mask ? keptMask(mask) : null;
    this.memory = new StepMemory(batch, room, this.device);
    for (let row = 0; row < batch; row++) this.memory.sources[row] = row;
    this.own = this.cachesFor(batch);
    this.ofSources = model.decoder.layers.map(({ crossAttention }) => {
      const { keys, values } = crossAttention.project(memory);
      return { keys: keys.keep(), values: values.keep() };
    });
  }

  /** Keys and values of each layer, `[rows, room, width]`. */
  private cachesFor(rows: number): OwnCaches {
    const { numHeads, keyWidth, valueWidth, layers } = this.parts;
    const sizes = layers.flatMap(() =>
      [keyWidth, valueWidth].map((width) => rows * this.room * numHeads * width),
    );
    const { memory, pieces } = inOnePiece(sizes, this.device);
    const at = (piece: number): Stored => ({ data: pieces[piece]! });
    return {
      memory: memory.keep(),
      layers: layers.map((_, l) => ({ keys: at(2 * l), values: at(2 * l + 1) })),
    };
  }

  /** Appends one token to each text and gives the likeliest ones after it. */
  best(tokens: readonly number[], query: BestQuery): BestTokens {
    const { parts, rows, room, length } = this;
    const table = parts.positions ?? parts.rotation?.table;
    if (table && length >= table.shape[0]!) throw tooManyPositions('decoder', length + 1, table.shape[0]!);
    for (let row = 0; row < rows; row++) this.memory.slots[row * room + length] = row;
    const count = Math.min(query.count, parts.vocabSize);
    const result = scope(() => this.launch(tokens, { ...query, count }));
    this.length++;
    return result;
  }

  private launch(tokens: readonly number[], { count, forbidden, wanted }: BestQuery): BestTokens {
    const { parts, rows, memory } = this;
    memory.ids.data.set(tokens);
    memory.wanted.set(wanted);
    const results = memory.results(count);
    const hasPanels = rows >= PANEL_ROWS && parts.bits === 0;
    const { ids, table } = this.vectors(memory.ids);
    const tensors = [results.tokens.data, results.scores.data, ids.data, memory.wanted, table.data];
    const positions = parts.positions?.data ?? null;
    const flags = memory.flags(forbidden, parts.vocabSize)?.data ?? null;
    const places = [memory.slots, memory.sources, this.mask?.data ?? null, flags];
    this.device.launch({
      name: 'decoder_step',
      tensors: [...tensors, positions, ...places, ...this.lastingData(hasPanels)],
      ints: [...this.sizes(count), Number(hasPanels), ...this.switches()],
      floats: [parts.normEps, parts.attentionScale, parts.embedding.scale],
      items: 1,
    });
    return split(results.tokens.data as Int32Array, results.scores.data as Float32Array, rows, count);
  }

  /** Where the vectors of the tokens stand; rows of codes are made numbers here, and counted from 0. */
  private vectors(ids: Tensor): { readonly ids: Tensor; readonly table: Tensor } {
    const { weight, quantized } = this.parts.embedding;
    if (!quantized) return { ids, table: weight };
    const table = noGrad(() => quantized.rows(ids, 1));
    for (let row = 0; row < ids.size; row++) ids.data[row] = row;
    return { ids, table };
  }

  /** Weights and caches, in the order of the launch. */
  private lastingData(hasPanels: boolean): readonly (TypedArray | null)[] {
    if (this.lasting?.hasPanels === hasPanels) return this.lasting.data;
    const { parts } = this;
    const panels = hasPanels ? this.panelsOf(parts.weights) : undefined;
    const layers = parts.layers.flatMap((layer, l) => {
      const { keys, values } = this.ofSources[l]!;
      return layer({ ...this.own.layers[l]!, memoryKeys: keys, memoryValues: values });
    });
    const first = [parts.rotation?.table ?? null, ...parts.projection, ...parts.finalNorm];
    const data = [...first, ...layers].map((stored) => stored && (panels?.get(stored) ?? stored.data));
    this.lasting = { hasPanels, data };
    return data;
  }

  private panelsOf(weights: readonly Tensor[]): PanelCopies['of'] {
    const made = this.panels.get(this.model) ?? inPanels(weights);
    this.panels.set(this.model, made);
    return made.of;
  }

  /** In the order of native/kernels/decoder_step.c. */
  private sizes(count: number): number[] {
    const { parts } = this;
    const { numHeads, keyWidth, valueWidth, dModel, dFf, vocabSize, activation, isPreNorm } = parts;
    const widths = [dModel, numHeads, keyWidth, valueWidth, dFf];
    const places = [parts.layers.length, this.room, this.sourceLength, this.length];
    const ints = [this.rows, ...widths, ...places, vocabSize, count];
    return [...ints, activationCode(activation), Number(isPreNorm)];
  }

  /** The last ones. */
  private switches(): number[] {
    const { rotation, bits, isGated } = this.parts;
    return [Number(rotation?.layout === 'halves'), bits, Number(isGated)];
  }

  /** Keeps the texts at `places`, in that order; one may appear several times or not at all. */
  select(places: readonly number[]): void {
    const { room, length } = this;
    const before = { slots: this.memory.slots.slice(), sources: this.memory.sources.slice() };
    if (places.length > this.memory.rows) this.grow(places.length);
    const { slots, sources } = this.memory;
    places.forEach((place, row) => {
      slots.set(before.slots.subarray(place * room, place * room + length), row * room);
      sources[row] = before.sources[place]!;
    });
    this.rows = places.length;
  }

  private grow(rows: number): void {
    const before = this.own;
    this.own = this.cachesFor(rows);
    for (const [l, { keys, values }] of this.own.layers.entries()) {
      keys.data.set(before.layers[l]!.keys.data);
      values.data.set(before.layers[l]!.values.data);
    }
    before.memory.dispose();
    this.memory.dispose();
    this.memory = new StepMemory(rows, this.room, this.device);
    this.lasting = undefined;
  }

  dispose(): void {
    this.mask?.dispose();
    this.memory.dispose();
    if (this.ownsPanels) disposeAll(this.panels);
    this.own.memory.dispose();
    for (const { keys, values } of this.ofSources) {
      keys.dispose();
      values.dispose();
    }
  }
}

/** Numbers in a cache line, where an array begins. */
const LINE = 16;

/** Arrays of some sizes one after the other: one large piece of memory has larger pages than many small ones. */
function inOnePiece(sizes: readonly number[], device: Device): { memory: Tensor; pieces: TypedArray[] } {
  const starts = [0];
  for (const [i, size] of sizes.entries()) starts.push(starts[i]! + Math.ceil(size / LINE) * LINE);
  const memory = Tensor.empty([starts.at(-1)!], 'float32', device);
  return { memory, pieces: sizes.map((size, i) => memory.data.subarray(starts[i], starts[i]! + size)) };
}

/** As native/kernels/step_product.c wants them. */
function inPanels(weights: readonly Tensor[]): PanelCopies {
  const { device } = weights[0]!;
  const different = [...new Set(weights)];
  const { memory, pieces } = inOnePiece(
    different.map(({ size }) => size),
    device,
  );
  for (const [i, { data, shape }] of different.entries()) {
    const tensors = [pieces[i]!, data];
    device.launch({ name: 'pack_panels', tensors, ints: [...shape], floats: [], items: 1 });
  }
  return { memory: memory.keep(), of: new Map(different.map((weight, i) => [weight, pieces[i]!])) };
}

/** Takes the wanted log-probability off the end of each row. */
function split(best: Int32Array, scores: Float32Array, rows: number, count: number): BestTokens {
  const logProbs = new Float32Array(rows * count);
  const wanted = new Float32Array(rows);
  for (let row = 0, from = 0; row < rows; row++) {
    for (let i = 0; i < count; i++) logProbs[row * count + i] = scores[from++]!;
    wanted[row] = scores[from++]!;
  }
  return { tokens: best.slice(0, rows * count), logProbs, wanted };
}
