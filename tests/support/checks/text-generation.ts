/** What language models do that continue texts; each check throws when it does not. */
import fc from 'fast-check';
import { expect } from 'vitest';
import { generate } from '../../../src/generate/language-model.ts';
import { type CausalLanguageModel, noGrad, scope } from '../../../src/index.ts';
import { roundingOf } from '../devices.ts';
import { tinyGpt } from '../gpts.ts';
import { tinyConv, tinySegmentModel, tinyXl, VOCAB } from '../language-models.ts';
import { expectNear, idTensor, rowOf } from '../numbers.ts';
import { inSegments, onePass, textsOf } from './language-model.ts';

/** A model, and the logits `[B, T, V]` that it must give texts without a cache. */
interface Grown {
  readonly model: CausalLanguageModel;
  readonly wanted: (texts: readonly (readonly number[])[]) => Float64Array;
}

/** Every kind of language model; Transformer-XL with memories that hold nothing, some tokens, and all of them. */
function kinds(device: string): Grown[] {
  const whole = (model: CausalLanguageModel): Grown => ({ model, wanted: (texts) => onePass(model, texts) });
  const remembering = (model: CausalLanguageModel): Grown => ({
    model,
    wanted: (texts) => inSegments(model, texts, 1),
  });
  return [
    whole(tinyGpt({}, device).eval()),
    whole(tinySegmentModel({}, device).eval()),
    whole(tinySegmentModel({ normPlacement: 'post', numTargets: 2 }, device).eval()),
    whole(tinyConv({}, device).eval()),
    whole(tinyConv({ taps: 1, activation: 'relu' }, device).eval()),
    whole(tinyXl({ memoryLength: 0 }, device).eval()),
    whole(tinyXl({ memoryLength: 64, normPlacement: 'post', tieEmbeddings: false }, device).eval()),
    ...[1, 2, 4].map((memoryLength) => remembering(tinyXl({ memoryLength }, device).eval())),
  ];
}

/** Blocks of any sizes through a cache, and texts that change places on the way: the logits without a cache. */
export function growingEqualsReading(device = 'reference'): void {
  const cuts = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 12, maxLength: 12 });
  fc.assert(
    fc.property(
      fc.constantFrom(...kinds(device)),
      textsOf(11),
      cuts,
      fc.boolean(),
      (kind, given, sizes, turn) => {
        const { model, wanted } = kind;
        const length = given[0]!.length;
        const cache = model.startDecoding(given.length, length);
        let texts = given;
        for (let from = 0, k = 0; from < length; k++) {
          const to = Math.min(length, from + sizes[k]!);
          if (turn && k === 1) {
            texts = texts.toReversed();
            cache.select(texts.map((_, row) => texts.length - 1 - row));
          }
          const ids = idTensor(
            texts.map((text) => text.slice(from, to)),
            model.device.name,
          );
          const read = k % 2 === 0 ? model.extend : model.step;
          const logits = noGrad(() => scope(() => read.call(model, ids, cache)));
          const all = wanted(texts);
          const places = k % 2 === 0 ? Array.from({ length: to - from }, (_, i) => from + i) : [to - 1];
          const own = texts.flatMap((_, row) => places.flatMap((t) => rowOf(all, row * length + t, VOCAB)));
          expect(cache.length).toBe(to);
          expectNear(
            logits.data,
            own,
            roundingOf(device),
            `${model.constructor.name}: logits ${from} to ${to}`,
          );
          logits.dispose();
          from = to;
        }
        cache.dispose();
      },
    ),
    { numRuns: 60 },
  );
}

/** Greedy texts are made of the likeliest token after everything before it, each from a pass without a cache. */
export function greedyTextsAreLikeliest(device = 'reference'): void {
  for (const { model, wanted } of kinds(device)) {
    const prompts = [[3, 5, 4], [7], [1, 2, 8]];
    const found = generate(model, prompts, { maxNewTokens: 8 });
    prompts.forEach((prompt, i) => {
      const text = [...prompt];
      while (text.length < prompt.length + 8) {
        const last = rowOf(wanted([text]), text.length - 1, VOCAB);
        text.push(last.indexOf(Math.max(...last)));
      }
      expect([...prompt, ...found[i]![0]!.tokens], model.constructor.name).toEqual(text);
    });
  }
}
