/** Looking inside changes nothing, and shows what is there. */
import { describe, expect, it } from 'vitest';
import {
  backward,
  ConfigError,
  capture,
  gradients,
  noGrad,
  softmax,
  withDropoutKeys,
} from '../../src/index.ts';
import { itOnEachDevice, roundingOf } from '../support/devices.ts';
import { gradientsOf, logitsOf, padded, tinyModel } from '../support/models.ts';
import { expectNear, leaf } from '../support/numbers.ts';

const everything = [
  'encoder.layers.*.selfAttention.weights',
  'decoder.layers.*.*.scores',
  'memory',
  '**.output',
];

describe('capture', () => {
  itOnEachDevice('leaves logits and gradients as they are, dropout included', (device) => {
    const model = tinyModel({ dropout: 0.2, attentionDropout: 0.3, activationDropout: 0.2 }, device);
    const upstream = leaf([2, 3, 9], 1, 'upstream', device).detach();
    const run = (names: string[]) => {
      model.zeroGrad();
      const { result, tensors } = withDropoutKeys(3, 4, () =>
        capture(model, names, () => logitsOf(model, padded), { gradients: true }),
      );
      const logits = result.data.slice();
      backward(result, { grad: upstream });
      return { logits, gradients: gradientsOf(model), tensors };
    };
    const [plain, watched] = [run([]), run(everything)];
    expect(watched.tensors.size).toBe(2 + 2 * 2 + 1 + 2 * 2 + 2 * 3);
    expectNear(watched.logits, plain.logits, roundingOf(device), 'logits');
    for (const [path, gradient] of plain.gradients) {
      expectNear(watched.gradients.get(path)!, gradient, 10 * roundingOf(device), path);
    }
    for (const [path, value] of watched.tensors) {
      // Scores of masked places reach no output, but the tensor has a gradient all the same.
      expect(value.grad?.shape, path).toEqual(value.shape);
    }
  });

  it('shows weights that are the softmax of the scores under the masks', () => {
    const model = tinyModel();
    const { tensors } = noGrad(() =>
      capture(model, ['decoder.layers.0.crossAttention.*'], () =>
        logitsOf(model, {
          ...padded,
          source: [
            [3, 5, 4],
            [7, 2, 6],
          ],
        }),
      ),
    );
    const [scores, weights] = ['scores', 'weights'].map(
      (name) => tensors.get(`decoder.layers.0.crossAttention.${name}`)!,
    );
    expectNear(weights!.data, softmax(scores!).data, 1e-14);
  });

  it('gives an intermediate the gradient that gradients gives it', () => {
    const model = tinyModel();
    const upstream = leaf([2, 3, 9], 1, 'upstream').detach();
    const run = () => capture(model, ['memory'], () => logitsOf(model, padded), { gradients: true });
    const first = run();
    const [expected] = gradients(first.result, [first.tensors.get('memory')!], { grad: upstream });
    const second = run();
    backward(second.result, { grad: upstream });
    expectNear(second.tensors.get('memory')!.grad!.data, expected!.data, 1e-15);
  });

  it('refuses a name that nothing has, and suggests one', () => {
    const model = tinyModel();
    const run = () =>
      capture(model, ['encoder.layers.0.selfAttention.wieghts'], () => logitsOf(model, padded));
    expect(run).toThrow(ConfigError);
    expect(run).toThrow('did you mean');
  });
});
