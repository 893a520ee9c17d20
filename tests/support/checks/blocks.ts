/** What any right norm, residual connection and feed-forward network does; each check throws when it does not. */
import fc from 'fast-check';
import { expect } from 'vitest';
import {
  add,
  BatchNorm,
  collectAuxiliary,
  deepNormFactors,
  GatedFeedForward,
  gateActivations,
  type MixtureOfExperts,
  type MixtureOptions,
  makeFeedForward,
  Random,
  Residual,
  RmsNorm,
  ScaleNorm,
  SentenceNorm,
  StochasticDepth,
  scale,
  type Tensor,
  tensor,
  withDropoutKeys,
} from '../../../src/index.ts';
import { paddingMask } from '../../../src/nn/attention/masks.ts';
import { Packing, Segments, type Visible } from '../../../src/nn/attention/packing.ts';
import { disturb } from '../models.ts';
import { expectNear, leaf, norm as lengthOf } from '../numbers.ts';
import { slowLinear } from '../slow.ts';
import { moments, rowsOf, slowGates, slowRmsNorm, slowRoutes } from '../slow-blocks.ts';

const context = (seed: number) => ({ random: new Random(seed, 'blocks'), device: 'reference' });
const WIDTH = 4;

/** A batch `[2, 4, C]` whose second sequence has one token, and the rows that are tokens. */
const isToken = [true, true, true, true, true, false, false, false];
const padding = (): Visible => paddingMask(isToken, 2, 4, { device: leaf([1], 0, 'device').device });

/** `x / √(mean(x²) + eps) · weight`; with a mean of zero the layer norm. */
export function rmsNormEqualsLoops(): void {
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 1, max: 5 }), fc.constantFrom(1e-5, 0.1), (seed, width, eps) => {
      const norm = disturb(new RmsNorm(width, context(seed), eps), seed);
      const x = leaf([1, 3, width], seed, 'x');
      expectNear(norm.forward(x).data, slowRmsNorm(x.data, norm.weight.data, eps), 1e-12, 'RMS norm');
    }),
  );
}

/** Every vector gets the learned length, whatever its own. */
export function scaleNormGivesOneLength(): void {
  const norm = new ScaleNorm(WIDTH, context(1), 0);
  expect(norm.gain.data[0]).toBe(Math.sqrt(WIDTH));
  norm.gain.data[0] = 3;
  const x = leaf([1, 5, WIDTH], 1, 'x');
  for (const row of rowsOf(norm.forward(scale(x, 50)).data, WIDTH)) expect(lengthOf(row)).toBeCloseTo(3, 12);
}

/** In training each channel is normalised over the tokens, padding left out; running statistics follow. */
export function batchNormLeavesPaddingOut(): void {
  const eps = 0.01;
  const norm = disturb(new BatchNorm(WIDTH, context(2), eps, { statistics: 'moving', momentum: 0.3 }), 2);
  const x = leaf([2, 4, WIDTH], 2, 'x');
  const [y, tokens] = [
    rowsOf(norm.forward(x, padding()).data, WIDTH),
    rowsOf(x.data, WIDTH).filter((_, r) => isToken[r]),
  ];
  for (let c = 0; c < WIDTH; c++) {
    const { mean, biased, unbiased } = moments(tokens.map((row) => row[c]!));
    const expected = tokens.map(
      (row) => ((row[c]! - mean) / Math.sqrt(biased + eps)) * norm.weight.data[c]! + norm.bias.data[c]!,
    );
    const own = y.filter((_, r) => isToken[r]).map((row) => row[c]!);
    expectNear(own, expected, 1e-12, `channel ${c}`);
    expect(norm.runningMean.data[c]).toBeCloseTo(0.3 * mean, 12);
    expect(norm.runningVariance.data[c]).toBeCloseTo(0.7 + 0.3 * unbiased, 12);
  }
}

/** One mean and variance for all numbers of a sentence; padding left out; the same for packed sentences. */
export function sentenceNormEqualsLoops(): void {
  const norm = disturb(new SentenceNorm(WIDTH, context(3), 0.01), 3);
  const x = leaf([2, 4, WIDTH], 3, 'x');
  const rows = rowsOf(x.data, WIDTH);
  const sentences = [rows.slice(0, 4), rows.slice(4, 5)];
  const expected = sentences.flatMap((sentence) => {
    const { mean, biased } = moments(sentence.flat());
    return sentence.map((row) =>
      row.map(
        (value, c) => ((value - mean) / Math.sqrt(biased + 0.01)) * norm.weight.data[c]! + norm.bias.data[c]!,
      ),
    );
  });
  const padded = rowsOf(norm.forward(x, padding()).data, WIDTH).filter((_, r) => isToken[r]);
  expectNear(padded.flat(), expected.flat(), 1e-12, 'padded');
  const packed = tensor(sentences.flat(2), [1, 5, WIDTH], { device: 'reference' });
  const segments = new Segments(new Packing([4, 1], packed.device));
  expectNear(norm.forward(packed, segments).data, expected.flat(), 1e-12, 'packed');
}

/** `Norm(α x + sublayer(x))`, with the factors of the paper's table. */
export function deepNormScalesTheInput(): void {
  const { inputScale } = deepNormFactors('decoder', { encoder: 2, decoder: 27 });
  expect(inputScale).toBe(3);
  const options = { dModel: WIDTH, placement: 'deep', dropout: 0, normEps: 1e-5, inputScale } as const;
  const residual = disturb(new Residual(options, context(4)), 4);
  const x = leaf([1, 3, WIDTH], 4, 'x');
  const other = leaf([1, 3, WIDTH], 4, 'other');
  const expected = residual.norm.forward(add(scale(x, 3), other));
  expectNear(residual.forward(x, () => other).data, expected.data, 1e-13, 'deep residual');
}

/** A layer is left out at its rate, later ones more often, and the mean over many steps is the whole layer. */
export function stochasticDepthKeepsTheMean(): void {
  const [layers, steps] = [4, 4000];
  const depth = new StochasticDepth(0.4, layers);
  const x = tensor([1], [1, 1, 1], { device: 'reference' });
  for (let l = 0; l < layers; l++) {
    const rate = (0.4 * (l + 1)) / layers;
    let [left, total] = [0, 0];
    for (let step = 0; step < steps; step++) {
      const branch = withDropoutKeys(l, step, () => {
        let scaled = 0;
        depth.through(x, l, (branchScale) => {
          scaled = branchScale;
          return x;
        });
        return scaled;
      });
      left += Number(branch === 0);
      total += branch;
    }
    const error = Math.sqrt((rate * (1 - rate)) / steps);
    expect(Math.abs(left / steps - rate), `rate of layer ${l}`).toBeLessThan(5 * error);
    expect(Math.abs(total / steps - 1), `mean of layer ${l}`).toBeLessThan((5 * error) / (1 - rate));
  }
  depth.eval();
  depth.through(x, layers - 1, (branchScale) => {
    expect(branchScale, 'in evaluation').toBe(1);
    return x;
  });
}

/** `(activation(x W_g) ⊙ x W₁) W₂` for every gate. */
export function gatedNetworksEqualLoops(): void {
  for (const [kind, activation] of Object.entries(gateActivations)) {
    const options = { dModel: 3, dFf: 5, activation, bias: true };
    const network = disturb(new GatedFeedForward(options, context(5)), 5);
    const x = leaf([1, 4, 3], 5, 'x');
    const product = (data: ArrayLike<number>, { weight, bias }: typeof network.gate): Float64Array =>
      slowLinear(data, weight.data, bias!.data);
    const [gates, values] = [product(x.data, network.gate), product(x.data, network.inner)];
    const hidden = gates.map((g, i) => slowGates[kind]!(g) * values[i]!);
    expectNear(network.forward(x).data, product(hidden, network.outer), 1e-11, kind);
  }
}

/** A mixture of experts of a tiny width. */
export function mixture(options: Partial<MixtureOptions> = {}, seed = 6): MixtureOfExperts {
  const choice = { kind: 'moe', experts: 4, topK: 2, ...options } as const;
  const sizes = { dModel: WIDTH, dFf: 5, activation: 'gelu', dropout: 0 } as const;
  return disturb(makeFeedForward(choice, sizes, context(seed)) as MixtureOfExperts, seed);
}

/** Each row's experts one by one, times their gates; choices beyond `capacity` add nothing. */
function slowMixture(moe: MixtureOfExperts, x: Tensor, perRow: number, capacity: number, tokens = isToken) {
  const experts = moe.experts.length;
  const taken = new Array<number>(experts).fill(0);
  let dropped = 0;
  const routes = slowRoutes(x.data, moe.router.data, [WIDTH, experts, perRow]);
  const output = rowsOf(x.data, WIDTH).flatMap((row, r) => {
    const sum = new Array<number>(WIDTH).fill(0);
    if (!tokens[r]) return sum;
    for (const { expert, gate } of routes[r]!) {
      if (taken[expert]! >= capacity) {
        dropped++;
        continue;
      }
      taken[expert]!++;
      const alone = moe.experts[expert]!.forward(tensor(row, [1, 1, WIDTH], { device: 'reference' }));
      for (let c = 0; c < WIDTH; c++) sum[c]! += gate * alone.data[c]!;
    }
    return sum;
  });
  return { output, dropped, routes: routes.filter((_, r) => tokens[r]) };
}

/** In evaluation every token gets its k experts, whatever stands beside it. */
export function mixtureEqualsLoops(): void {
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 1, max: 4 }), (seed, topK) => {
      const moe = mixture({ topK, capacityFactor: 0.1 }, seed).eval();
      const x = leaf([2, 4, WIDTH], seed, 'x');
      const { output } = slowMixture(moe, x, topK, Infinity);
      expectNear(moe.forward(x, padding()).data, output, 1e-12, `top ${topK}`);
    }),
    { numRuns: 30 },
  );
}

/** In training full experts drop what comes later, and the drops are counted; padding takes no place. */
export function fullExpertsDropTokens(): void {
  fc.assert(
    fc.property(fc.nat(), fc.constantFrom(1, 2), fc.constantFrom(0.3, 1, 2), (seed, topK, capacityFactor) => {
      const moe = mixture({ topK, capacityFactor }, seed);
      const x = leaf([2, 4, WIDTH], seed, 'x');
      const capacity = Math.ceil((capacityFactor * 5 * topK) / 4);
      const { output, dropped } = slowMixture(moe, x, topK, capacity);
      const { result, auxiliary } = collectAuxiliary(() => moe.forward(x, padding()));
      expectNear(result.data, output, 1e-12, `capacity ${capacity}`);
      expect(auxiliary.measures.droppedTokens).toEqual({ total: dropped, count: 5 * topK });
    }),
    { numRuns: 40 },
  );
}

/** `balance · E Σ f_e P_e` over the tokens; `balance` when the router is even. */
export function balanceLossEqualsLoops(): void {
  fc.assert(
    fc.property(fc.nat(), fc.constantFrom(1, 2), (seed, topK) => {
      const moe = mixture({ topK, balance: 0.5 }, seed);
      const x = leaf([2, 4, WIDTH], seed, 'x');
      const { routes } = slowMixture(moe, x, topK, Infinity);
      const loss = Array.from({ length: 4 }, (_, e) => {
        const share = routes.flat().filter(({ expert }) => expert === e).length / (5 * topK);
        const probability = routes.reduce((total, [first]) => total + first!.probs[e]! / 5, 0);
        return 4 * share * probability;
      }).reduce((a, b) => a + b, 0);
      const { auxiliary } = collectAuxiliary(() => moe.forward(x, padding()));
      expectNear([auxiliary.losses[0]!.item()], [0.5 * loss], 1e-12, 'balance loss');
      expectNear([auxiliary.measures.balanceLoss!.total], [loss], 1e-12, 'in the log');
      moe.router.data.fill(0);
      const even = collectAuxiliary(() => moe.forward(x, padding())).auxiliary;
      expectNear([even.losses[0]!.item()], [0.5], 1e-12, 'of an even router');
    }),
    { numRuns: 20 },
  );
}
