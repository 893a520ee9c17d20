/** What any mechanism of a model must keep: each check takes a configuration. */
import { expect, type TestContext } from 'vitest';
import { crossEntropy, noGrad, scope, type TransformerConfig, tensor } from '../../../src/index.ts';
import { needDevice } from '../devices.ts';
import { lossesOf, tinyModel, trainOn } from '../models.ts';
import { expectNear } from '../numbers.ts';

const pairs = [
  { source: [3, 5, 4, 8, 2], target: [1, 6, 4], labels: [6, 4, 2] },
  { source: [7, 2], target: [1, 3, 5, 5, 7], labels: [3, 5, 5, 7, 2] },
];

const packed = (key: 'source' | 'target' | 'labels') => ({
  ids: Int32Array.from(pairs.flatMap((pair) => pair[key])),
  lengths: pairs.map((pair) => pair[key].length),
});

/** Packed sequences have the losses that they have alone, on every device. */
export function packedEqualsAlone(context: TestContext, config: Partial<TransformerConfig>): void {
  const reference = tinyModel(config).eval();
  const alone = pairs.flatMap(({ source, target, labels }) => {
    const batch = { source: [source], target: [target], labels: [labels] };
    return Array.from(noGrad(() => lossesOf(reference, batch)).data);
  });
  for (const device of ['reference', 'native', 'wasm']) {
    if (device !== 'reference') needDevice(context, device);
    const model = tinyModel(config, device).eval();
    const together = noGrad(() =>
      scope(() => {
        const logits = model.forwardPacked(packed('source'), packed('target'));
        const labels = tensor(packed('labels').ids, [1, 8], { dtype: 'int32', device });
        return Float64Array.from(crossEntropy(logits, labels, {}).data);
      }),
    );
    expectNear(together, alone, device === 'reference' ? 1e-12 : 3e-5, device);
  }
}

/** Every parameter whose path matches gets a gradient that is not 0; there is at least one unless none is expected. */
export function parametersMove(
  config: Partial<TransformerConfig>,
  path: RegExp,
  { except = /^$/, some = true } = {},
): void {
  const { gradients } = trainOn(tinyModel(config), {
    source: [[3, 5, 4, 8, 6, 7]],
    target: [[1, 6, 4, 3, 5]],
    labels: [[6, 4, 3, 5, 2]],
  });
  const matching = [...gradients].filter(([name]) => path.test(name) && !except.test(name));
  expect(matching.length > 0).toBe(some);
  for (const [name, gradient] of matching)
    expect(
      gradient.some((g) => g !== 0),
      name,
    ).toBe(true);
}
