/**
 * Bugs that training and decoding are known for, planted one at a time: each is caught by a check that the real
 * code passes. A check that nothing can fail proves nothing.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { defaultDevice } from '../src/core/device.ts';
import { noGrad } from '../src/core/tape.ts';
import { type Tensor, tensor } from '../src/core/tensor.ts';
import type { TokenPair } from '../src/data/batching.ts';
import { collate } from '../src/data/collate.ts';
import { readSafetensors } from '../src/formats/safetensors.ts';
import { nextTokens } from '../src/generate/next-tokens.ts';
import { ModelSession } from '../src/generate/session.ts';
import { FusedDecoder } from '../src/models/fused-decoder.ts';
import { StepMemory } from '../src/models/step-memory.ts';
import { TransformerCache } from '../src/models/transformer-cache.ts';
import { KeyValueCache } from '../src/nn/attention/cache.ts';
import type { Packing } from '../src/nn/attention/packing.ts';
import { withDropoutKeys } from '../src/nn/dropout-keys.ts';
import { SinusoidalPosition } from '../src/nn/position/index.ts';
import { Adam, adamDefaults } from '../src/train/adam.ts';
import { clipFactor } from '../src/train/clip.ts';
import { trainExperiment } from '../src/train/run.ts';
import { learningRateAt } from '../src/train/schedules.ts';
import { epochBatches, makeBatch, Seq2SeqObjective } from '../src/train/seq2seq.ts';
import { beamScoresOfAllTexts, forbiddenNeverComes, likeliestTextEnds } from './support/checks/beams.ts';
import { isSentinel, spansAndTheRestAreTheText } from './support/checks/spans.ts';
import { expectClose } from './support/compare.ts';
import {
  encodePairs,
  letterTokenizers,
  reversedStrings,
  tinyTransformer,
} from './support/reversed-strings.ts';
import { temporaryFolder, tinyExperiment } from './support/tiny-run.ts';

type Planted = (real: (...args: never[]) => unknown, ...args: never[]) => unknown;

const { planted, replaceable } = vi.hoisted(() => {
  const planted = new Map<string, Planted>();
  const wrap =
    (name: string, real: (...args: never[]) => unknown) =>
    (...args: never[]): unknown =>
      planted.get(name)?.(real, ...args) ?? real(...args);
  /** The module with one function that can be replaced while a test runs. */
  const replaceable = async (original: () => Promise<unknown>, name: string): Promise<object> => {
    const module = (await original()) as Record<string, (...args: never[]) => unknown>;
    return { ...module, [name]: wrap(name, module[name]!) };
  };
  return { planted, replaceable };
});

vi.mock('../src/train/clip.ts', (original) => replaceable(original, 'clipFactor'));
vi.mock('../src/train/average.ts', (original) => replaceable(original, 'averageWeights'));
vi.mock('../src/train/schedules.ts', (original) => replaceable(original, 'learningRateAt'));
vi.mock('../src/data/batching.ts', (original) => replaceable(original, 'packedBatches'));
vi.mock('../src/data/span-corruption.ts', (original) => replaceable(original, 'corruptSpans'));
vi.mock('../src/data/collate.ts', (original) => replaceable(original, 'shiftRight'));
vi.mock('../src/nn/attention/packing.ts', async (original) => {
  const module = await original<typeof import('../src/nn/attention/packing.ts')>();
  class Packing extends module.Packing {
    constructor(...args: ConstructorParameters<typeof module.Packing>) {
      super(...args);
      planted.get('Packing')?.(() => undefined, this as never);
    }
  }
  return { ...module, Packing };
});
vi.mock('../src/nn/dropout-keys.ts', (original) => replaceable(original, 'withDropoutKeys'));
vi.mock('../src/ops/cross-entropy/index.ts', (original) => replaceable(original, 'crossEntropy'));
vi.mock('../src/generate/beam.ts', (original) => replaceable(original, 'beamSearch'));
vi.mock('../src/generate/options.ts', (original) => replaceable(original, 'lengthPenalty'));
vi.mock('../src/generate/next-tokens.ts', (original) => replaceable(original, 'nextTokens'));

/** Replaces an exported function. */
function instead(name: string, bug: Planted): () => () => void {
  return () => {
    planted.set(name, bug);
    return () => void planted.delete(name);
  };
}

/** Replaces a method, private ones included. */
function method(
  of: object,
  name: string,
  bug: (real: (...args: never[]) => unknown) => unknown,
): () => () => void {
  return () => {
    const prototype = of as Record<string, (...args: never[]) => unknown>;
    const real = prototype[name];
    if (!real) throw new Error(`there is no method ${name} to replace`);
    prototype[name] = bug(real) as typeof real;
    return () => {
      prototype[name] = real;
    };
  };
}

/** Changes every packing once it is made. */
function packing(change: (packing: Packing) => void): () => () => void {
  return instead('Packing', (_, made) => change(made));
}

const tokenizers = letterTokenizers();
const { bos, eos, pad } = tokenizers.target.specialTokens;
const exact = { rtol: 1e-10, atol: 1e-12 };
const pairs = encodePairs(reversedStrings(6, { seed: 12, shortest: 1, longest: 6 }), tokenizers);
const batchOf = (some: readonly TokenPair[]) => makeBatch(some, tokenizers);

function adamWalk(gradients: readonly number[], learningRate = 0.1): number {
  const parameter = tensor([0], [1], { device: 'reference', requiresGrad: true });
  const adam = new Adam([['p', parameter]]);
  for (const gradient of gradients) {
    parameter.grad = tensor([gradient], [1], { device: 'reference' });
    adam.step(learningRate);
  }
  return parameter.data[0]!;
}

const checks = {
  /** The first step of Adam has the size of the learning rate, whatever the gradient. */
  firstStep: () => {
    for (const gradient of [1e-3, 1, 500]) expect(adamWalk([gradient])).toBeCloseTo(-0.1, 5);
  },
  /** By hand: m = .9 · .1 · 1, v = .98 · .02 · 1, corrected by 1 − .81 and 1 − .9604. */
  secondStep: () => {
    const step = (0.1 * (0.09 / 0.19)) / Math.sqrt(0.0196 / 0.0396);
    expect(adamWalk([1, 0])).toBeCloseTo(-0.1 - step, 7);
  },
  /** A padded batch has the loss of its texts alone, smoothed labels included. */
  packing: () => {
    const loss = (some: readonly TokenPair[]): number =>
      new Seq2SeqObjective(tinyTransformer(), { padId: pad, labelSmoothing: 0.1 }).trainOn(batchOf(some), 1)
        .loss;
    expectClose([loss(pairs)], [pairs.reduce((sum, pair) => sum + loss([pair]), 0)], exact);
  },
  /** Micro-batches of unlike size give the gradient of the whole batch. */
  accumulation: () => {
    const gradient = (parts: readonly (readonly TokenPair[])[]): number[] => {
      const model = tinyTransformer();
      const objective = new Seq2SeqObjective(model, { padId: pad, labelSmoothing: 0 });
      const batches = parts.map(batchOf);
      const tokens = batches.reduce((sum, { targetTokens }) => sum + targetTokens, 0);
      for (const batch of batches) objective.trainOn(batch, tokens);
      return model.parameters().flatMap(({ grad }) => [...grad!.data]);
    };
    expectClose(gradient([pairs.slice(0, 1), pairs.slice(1)]), gradient([pairs]), exact);
  },
  /** Targets of pure chance cannot be foretold: nobody sees the token that it must say. */
  chance: () => {
    const sources = encodePairs(reversedStrings(96, { seed: 1, shortest: 5, longest: 5 }), tokenizers);
    const targets = encodePairs(reversedStrings(96, { seed: 2, shortest: 5, longest: 5 }), tokenizers);
    const random = sources.map(({ source }, i) => ({ source, target: targets[i]!.target }));
    const model = tinyTransformer({ device: defaultDevice().name }, { dModel: 32, dFf: 64 });
    const objective = new Seq2SeqObjective(model, { padId: pad, labelSmoothing: 0 });
    const adam = new Adam(model.namedParameters());
    const [train, heldOut] = [batchOf(random.slice(0, 64)), batchOf(random.slice(64))];
    for (let step = 0; step < 60; step++) {
      objective.trainOn(train, train.targetTokens);
      adam.step(0.005);
      model.zeroGrad();
    }
    const { loss, tokens } = objective.evaluate(heldOut);
    expect(loss / tokens).toBeGreaterThan((Math.log(8) * 5) / 6 - 0.05); // 5 letters by chance, then the end
  },
  epochs: () => {
    const epoch = (n: number) => epochBatches(pairs, { maxTokens: 14 }, { seed: 1, epoch: n, shuffle: true });
    expect(epoch(1)).not.toEqual(epoch(0));
  },
  clipping: () => {
    for (const norm of [0.5, 3, 700]) expect(norm * clipFactor(norm, 2)).toBeCloseTo(Math.min(norm, 2), 4);
  },
  peak: () => {
    const rates = [1, 100, 3999, 4000, 4001, 90_000].map((step) =>
      learningRateAt(
        'paper',
        { step, done: 0 },
        { learningRate: 1, warmupSteps: 4000, finalRate: 0, dModel: 512 },
      ),
    );
    expect(rates.indexOf(Math.max(...rates))).toBe(3);
  },
  /** Each step has its own dropout, and the same one again when it is repeated. */
  dropout: () => {
    const loss = (step: number): number => {
      const objective = new Seq2SeqObjective(tinyTransformer({}, { dropout: 0.3 }), {
        padId: pad,
        labelSmoothing: 0,
      });
      return withDropoutKeys(1, step, () => objective.trainOn(batchOf(pairs), 1).loss);
    };
    expect(loss(1)).toBe(loss(1));
    expect(loss(2)).not.toBe(loss(1));
  },
  /** Rows are swapped after steps with other tokens, as beams do it; logits equal those of a pass without a cache. */
  cache: () => {
    const model = tinyTransformer().eval();
    const [a, b] = [
      [4, 5, eos],
      [9, 8, 7, eos],
    ];
    const session = new ModelSession(model, collate([a, b], { padId: pad }), 4);
    session.step([bos, bos]).dispose();
    session.step([10, 6]).dispose();
    session.select([1, 0]);
    const logits = session.step([5, 5]);
    const row = (ids: readonly number[]): Tensor =>
      tensor(Int32Array.from(ids), [1, ids.length], { dtype: 'int32', device: 'reference' });
    const alone = (source: readonly number[], target: readonly number[]): number[] => {
      const { data, shape } = noGrad(() => model.forward(row(source), row(target)));
      return [...data].slice(-shape[2]!);
    };
    expectClose(logits.data, [...alone(b, [bos, 6, 5]), ...alone(a, [bos, 10, 5])], exact);
  },
  /** The fused decoder against the logits of the decoder op by op. */
  fused: () => {
    const device = defaultDevice().name;
    const model = tinyTransformer({ device }).eval();
    const batch = collate(
      [
        [4, 5, eos],
        [8, 6, 9, eos],
      ],
      { padId: pad },
    );
    const sessions = [{ best: 2 }, {}].map((how) => new ModelSession(model, batch, 4, how));
    for (const places of [
      [0, 1],
      [1, 0, 1],
      [2, 1],
    ]) {
      const [fused, plain] = sessions.map((session) => {
        session.select(places);
        const tokens = places.map((_, i) => 4 + i);
        return nextTokens(session, tokens, { count: 2, forbidden: [5, 6, 7, 8], wanted: [] });
      });
      expect([...fused!.tokens]).toEqual([...plain!.tokens]);
      expectClose(fused!.logProbs, plain!.logProbs, { rtol: 1e-4, atol: 1e-4 });
    }
    for (const session of sessions) session.dispose();
  },
  beamScores: beamScoresOfAllTexts,
  ending: likeliestTextEnds,
  forbidden: forbiddenNeverComes,
  /** Moments go through a checkpoint. */
  moments: () => {
    const parameter = tensor([1], [1], { device: 'reference', requiresGrad: true });
    parameter.grad = tensor([3], [1], { device: 'reference' });
    const [first, second] = [new Adam([['p', parameter]]), new Adam([['p', parameter]])];
    first.step(0.1);
    second.loadStateDict(first.stateDict(), first.steps);
    expect([...second.stateDict()].map(([, { data }]) => data[0])).toEqual(
      [...first.stateDict()].map(([, { data }]) => data[0]),
    );
    expect(second.steps).toBe(1);
  },
  spans: spansAndTheRestAreTheText,
  /** The model of a run is the mean of its last two snapshots. */
  averaging: async () => {
    const folder = temporaryFolder();
    const run = join(folder, 'run');
    await trainExperiment(
      tinyExperiment(folder, { training: { maxSteps: 8 }, evaluation: { every: 2, metrics: [] } }),
      { folder: run },
    );
    const read = (path: string) =>
      readSafetensors(new Uint8Array(readFileSync(join(run, path, 'model.safetensors')))).tensors;
    const [a, b, mean] = [read('snapshots/step-000006'), read('snapshots/step-000008'), read('model')];
    for (const [name, { data }] of mean)
      expectClose(
        data,
        data.map((_, i) => (a.get(name)!.data[i]! + b.get(name)!.data[i]!) / 2),
        { rtol: 1e-6, atol: 1e-9 },
      );
  },
};

interface Bug {
  readonly name: string;
  readonly plant: () => () => void;
  readonly check: keyof typeof checks;
}

type Factors = { correction1: number; correction2: number };

const bugs: readonly Bug[] = [
  {
    name: 'Adam without bias correction',
    plant: method(
      Adam.prototype,
      'update',
      (real) =>
        function (this: Adam, slots: never, factors: Factors) {
          return real.call(this, ...([slots, { ...factors, correction1: 1, correction2: 1 }] as never[]));
        },
    ),
    check: 'firstStep',
  },
  {
    name: 'beta1 and beta2 swapped',
    plant: () => {
      const { beta1, beta2 } = adamDefaults;
      Object.assign(adamDefaults, { beta1: beta2, beta2: beta1 });
      return () => void Object.assign(adamDefaults, { beta1, beta2 });
    },
    check: 'secondStep',
  },
  {
    name: 'moments not restored',
    plant: method(
      Adam.prototype,
      'loadStateDict',
      () =>
        function (this: Adam, _: never, steps: number) {
          this.steps = steps;
        },
    ),
    check: 'moments',
  },
  {
    name: 'packed sequences see each other',
    plant: packing(({ starts }) => starts.fill(0, 1, -1)),
    check: 'packing',
  },
  {
    name: 'positions that run on over packed sequences',
    plant: packing(({ positions }) => positions.data.set(positions.data.map((_, i) => i))),
    check: 'packing',
  },
  {
    name: 'micro-batches averaged one by one',
    plant: method(
      Seq2SeqObjective.prototype,
      'trainOn',
      (real) =>
        function (this: Seq2SeqObjective, batch: { targetTokens: number }) {
          return real.call(this, ...([batch, batch.targetTokens] as never[]));
        },
    ),
    check: 'accumulation',
  },
  {
    name: 'the decoder sees the token that it must say',
    plant: instead('shiftRight', (real, ...args) => {
      const { labels } = real(...args) as { labels: number[] };
      return { input: labels, labels };
    }),
    check: 'chance',
  },
  {
    name: 'every epoch shuffled alike',
    plant: instead('packedBatches', (real, lengths, options) =>
      real(lengths, { ...(options as object), epoch: 0 } as never),
    ),
    check: 'epochs',
  },
  {
    name: 'a clip factor that ignores the norm',
    plant: instead('clipFactor', (_, __, limit) => 1 / (limit as number)),
    check: 'clipping',
  },
  {
    name: 'a schedule without its warm-up',
    plant: instead('learningRateAt', (real, name, progress, options) =>
      real(name, progress, { ...(options as object), warmupSteps: 0 } as never),
    ),
    check: 'peak',
  },
  {
    name: 'the same dropout at every step',
    plant: instead('withDropoutKeys', (real, seed, _, body) => real(seed, 1 as never, body)),
    check: 'dropout',
  },
  {
    name: 'keys and values of the beams not moved',
    plant: method(KeyValueCache.prototype, 'select', () => () => {}),
    check: 'cache',
  },
  {
    name: 'the memory of the sources not moved',
    plant: method(
      TransformerCache.prototype,
      'select',
      () =>
        function (this: TransformerCache, places: readonly number[]) {
          for (const { self } of this.layers) self.select(places);
        },
    ),
    check: 'cache',
  },
  {
    name: 'beams of the fused decoder not moved',
    plant: method(FusedDecoder.prototype, 'select', () => () => {}),
    check: 'fused',
  },
  {
    name: 'the fused decoder one position behind',
    plant: method(
      FusedDecoder.prototype,
      'sizes',
      (real) =>
        function (this: FusedDecoder, count: never) {
          return (real.call(this, count) as number[]).map((size, i) =>
            i === 9 ? Math.max(0, size - 1) : size,
          );
        },
    ),
    check: 'fused',
  },
  {
    name: 'forbidden ids allowed in the fused decoder',
    plant: method(StepMemory.prototype, 'flags', () => () => null),
    check: 'fused',
  },
  {
    name: 'cached steps all at position 0',
    plant: method(
      SinusoidalPosition.prototype,
      'forward',
      (real) =>
        function (this: SinusoidalPosition, x: never) {
          return real.call(this, x);
        },
    ),
    check: 'cache',
  },
  {
    name: 'the length penalty one token short',
    plant: instead('lengthPenalty', (real, length, alpha) => real(((length as number) - 1) as never, alpha)),
    check: 'beamScores',
  },
  {
    name: 'the end token does not end',
    plant: instead('beamSearch', (real, session, options) =>
      real(session, { ...(options as object), eos: -1 } as never),
    ),
    check: 'ending',
  },
  {
    name: 'forbidden ids allowed',
    plant: instead('nextTokens', (real, session, tokens, query) =>
      real(session, tokens, { ...(query as object), forbidden: [] } as never),
    ),
    check: 'forbidden',
  },
  {
    name: 'the sentinels of a target in the wrong order',
    plant: instead('corruptSpans', (real, ...args) => {
      const { source, target } = real(...args) as TokenPair;
      const turned = target.filter(isSentinel).toReversed();
      return { source, target: target.map((id) => (isSentinel(id) ? turned.shift()! : id)) };
    }),
    check: 'spans',
  },
  {
    name: 'a span that is left visible behind its sentinel',
    plant: instead('corruptSpans', (real, ...args) => {
      const { source, target } = real(...args) as TokenPair;
      const first = source.findIndex(isSentinel);
      const span = target.slice(
        1,
        target.findIndex((id, i) => i > 0 && isSentinel(id)),
      );
      return { source: source.toSpliced(first + 1, 0, ...span), target };
    }),
    check: 'spans',
  },
  {
    name: 'one snapshot too few in the average',
    plant: instead('averageWeights', (real, sets) => real((sets as unknown[]).slice(1) as never)),
    check: 'averaging',
  },
];

describe('the real code passes', () => {
  for (const [name, check] of Object.entries(checks)) test(name, async () => check());
});

describe('planted', () => {
  for (const { name, plant, check } of bugs) {
    test(`${name}: caught by ${check}`, async () => {
      const restore = plant();
      try {
        await expect((async () => checks[check]())()).rejects.toThrow();
      } finally {
        restore();
      }
      await checks[check]();
    });
  }
});
