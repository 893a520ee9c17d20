/** What any right non-autoregressive Transformer does; each check throws when it does not. */
import fc from 'fast-check';
import { expect } from 'vitest';
import { collate } from '../../../src/data/collate.ts';
import {
  Decoder,
  NonAutoregressive,
  type NonAutoregressiveConfig,
  noGrad,
  type PackedSequences,
  Random,
  scope,
} from '../../../src/index.ts';
import { roundingOf } from '../devices.ts';
import { disturb } from '../models.ts';
import { patch } from '../mutants/mutant.ts';
import { expectNear, rowOf } from '../numbers.ts';

const VOCAB = 6;
const [PAD, BOS, EOS] = [0, 1, 2];

const tiny = {
  ...{ sourceVocabSize: VOCAB, targetVocabSize: VOCAB, maxSeqLen: 14, dModel: 8, dFf: 12, numHeads: 2 },
  ...{ numEncoderLayers: 1, numDecoderLayers: 2, dropout: 0 },
} as const;

/** A model whose every parameter is drawn. */
export function tinyNat(
  config: Partial<NonAutoregressiveConfig> = {},
  device = 'reference',
): NonAutoregressive {
  const model = new NonAutoregressive({ ...tiny, ...config }, { random: new Random(4, 'init'), device });
  return disturb(model, 4).eval();
}

export const natKinds: readonly Partial<NonAutoregressiveConfig>[] = [
  { length: 'predict' },
  { length: 'end', normPlacement: 'pre' },
  { length: 'predict', masking: 'random', iterations: 3 },
];

const packed = (rows: readonly (readonly number[])[]): PackedSequences => ({
  ids: Int32Array.from(rows.flat()),
  lengths: rows.map(({ length }) => length),
});

/** −log P(y) of each text with its end token. */
function lossesOf(
  model: NonAutoregressive,
  sources: readonly (readonly number[])[],
  targets: readonly (readonly number[])[],
): number[] {
  const labels = targets.map((target) => [...target, EOS]);
  return noGrad(() =>
    scope(() => {
      const inputs = packed(targets.map((target) => [BOS, ...target]));
      const { data } = model.losses(packed(sources), inputs, packed(labels), {
        labelSmoothing: 0,
        ignoreIndex: -1,
      });
      let at = 0;
      return labels.map((own) => own.reduce((sum) => sum + data[at++]!, 0));
    }),
  );
}

const ids = fc.array(fc.integer({ min: 3, max: VOCAB - 1 }), { minLength: 1, maxLength: 5 });

/** A pair has the same loss alone and packed beside others. */
export function natPairsDoNotMeet(device = 'reference'): void {
  const pairs = fc.array(fc.tuple(ids, ids), { minLength: 2, maxLength: 4 });
  const models = natKinds.map((kind) => tinyNat(kind, device));
  fc.assert(
    fc.property(pairs, fc.constantFrom(...models), (list, model) => {
      const [sources, targets] = [list.map(([source]) => source), list.map(([, target]) => target)];
      const together = lossesOf(model, sources, targets);
      const alone = list.flatMap(([source, target]) => lossesOf(model, [source], [target]));
      expectNear(together, alone, 10 * roundingOf(device), 'losses');
    }),
    { numRuns: 20 },
  );
}

/**
 * Tokens are independent, given the length: the loss is the length's and one for each token, whatever the other tokens
 * are; and all texts of a length have its probability together.
 */
export function natIsAProductOverPlaces(): void {
  const model = tinyNat();
  const source = [3, 5, 4];
  const all = Array.from({ length: VOCAB }, (_, id) => id);
  const total = (tokens: number): number => {
    const texts = Array.from({ length: VOCAB ** tokens }, (_, n) =>
      Array.from({ length: tokens }, (_, t) => Math.floor(n / VOCAB ** t) % VOCAB),
    );
    // The end token stands at the last place, which is one of V choices there.
    const losses = lossesOf(
      model,
      texts.map(() => source),
      texts,
    );
    return losses.reduce((sum, loss) => sum + Math.exp(-loss), 0);
  };
  const lengths = noGrad(() =>
    scope(() => {
      const { data } = model.lengthLogits(model.encode(packed([source])));
      const powers = Array.from(data, (x) => Math.exp(x));
      const sum = powers.reduce((a, b) => a + b, 0);
      return powers.map((x) => x / sum);
    }),
  );
  for (const tokens of [0, 1, 2]) {
    const end = noGrad(() =>
      scope(() => {
        const { data } = model.forwardPacked(
          packed([source]),
          packed([[BOS, ...new Array<number>(tokens).fill(3)]]),
        );
        const powers = rowOf(data, tokens, VOCAB).map((x) => Math.exp(x));
        return powers[EOS]! / powers.reduce((a, b) => a + b, 0);
      }),
    );
    expectNear([total(tokens)], [lengths[tokens + 1]! * end], 1e-10, `texts of ${tokens} tokens`);
  }
  const swap = (a: number, b: number): number => lossesOf(model, [source], [[a, b]])[0]!;
  for (const a of all)
    expectNear([swap(a, 3) - swap(a, 4)], [swap(5, 3) - swap(5, 4)], 1e-10, 'second token');
}

/** Passes of the decoder while `body` runs. */
export function decoderPasses(body: () => void): number {
  let passes = 0;
  const restore = patch(
    Decoder.prototype,
    'forward',
    (real) =>
      function (this: Decoder, ...args) {
        passes++;
        return real.apply(this, args);
      },
  );
  try {
    body();
  } finally {
    restore();
  }
  return passes;
}

/** What is written is the likeliest token of every place, of the likeliest length, by a slow search over both. */
export function natWritesTheLikeliest(device = 'reference'): void {
  const sources = [
    [3, 5, 4, EOS],
    [5, EOS],
    [4, 4, 3, 5, 3, EOS],
  ];
  const options = { limits: [6, 12, 3], bos: BOS, eos: EOS, forbidden: [PAD, BOS], candidates: 1 };
  for (const length of ['predict', 'end'] as const) {
    const model = tinyNat({ length }, device);
    let written: ReturnType<NonAutoregressive['writeWhole']> = [];
    const passes = decoderPasses(() => {
      written = model.writeWhole(collate(sources, { padId: PAD }), options);
    });
    expect(passes, 'passes of the decoder').toBe(1);
    for (const [n, source] of sources.entries()) {
      const { tokens, logProb } = slowText(model, source, options.limits[n]!);
      expect([...written[n]![0]!.tokens], `text ${n}, length by ${length}`).toEqual(tokens);
      expectNear([written[n]![0]!.logProb], [logProb], 10 * roundingOf(device), 'log-probability');
    }
  }
}

function slowText(model: NonAutoregressive, source: readonly number[], limit: number) {
  return noGrad(() =>
    scope(() => {
      const logSoftmax = (row: readonly number[]): number[] => {
        const norm = Math.log(row.reduce((sum, x) => sum + Math.exp(x), 0));
        return row.map((x) => x - norm);
      };
      let [length, logProb] = [Math.min(limit + 1, model.roomFor(source.length)), 0];
      if (model.predictsLength) {
        const all = logSoftmax(Array.from(model.lengthLogits(model.encode(packed([source]))).data));
        const possible = all.slice(1, limit + 2);
        logProb = Math.max(...possible);
        length = 1 + possible.indexOf(logProb);
      }
      const { data } = model.forwardPacked(packed([source]), packed([new Array<number>(length).fill(BOS)]));
      const tokens: number[] = [];
      for (let t = 0; t < length; t++) {
        const row = rowOf(data, t, VOCAB).map((x, id) =>
          id === PAD || id === BOS ? Number.NEGATIVE_INFINITY : x,
        );
        const best = Math.max(...row);
        logProb += Math.max(...logSoftmax(row));
        if (row.indexOf(best) === EOS) break;
        tokens.push(row.indexOf(best));
      }
      return { tokens: tokens.slice(0, limit), logProb };
    }),
  );
}

/** Where some target tokens are shown, a hidden one changes with those before it and with those after it. */
export function natLooksBothWays(): void {
  const model = tinyNat({ masking: 'random' });
  const memory = (): ReturnType<NonAutoregressive['encode']> => model.encode(packed([[3, 5, 4]]));
  const middle = (inputs: readonly number[]): number[] =>
    noGrad(() => scope(() => rowOf(model.decode(memory(), packed([inputs])).data, 1, VOCAB)));
  const hidden = middle([BOS, BOS, BOS]);
  expect(middle([4, BOS, BOS])).not.toEqual(hidden);
  expect(middle([BOS, BOS, 4])).not.toEqual(hidden);
}
