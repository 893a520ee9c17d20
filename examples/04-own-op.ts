/** An op of one's own: defined once, it runs on every device and has a gradient that is checked here. */
import { backward, defaultDevice, defineOp, mul, scale, sigmoid, sum, type Tensor, tensor } from 'heed';

/** Softplus, `log(1 + e^(s x)) / s`: its shape rule, its maths, its gradient and samples for the conformance suite. */
const softplus = defineOp<readonly [x: Tensor], { readonly sharpness: number }>({
  name: 'softplus',
  samples: [{ inputs: [[3, 7]], params: { sharpness: 2 } }],
  shape: ([x]) => x,
  compute: ({ inputs: [x], output, params: { sharpness } }) => {
    for (let i = 0; i < output.size; i++)
      output.data[i] = Math.log1p(Math.exp(sharpness * x.data[i]!)) / sharpness;
  },
  backward: ({ inputs: [x], grad, params: { sharpness } }) => {
    return [mul(grad, sigmoid(scale(x, sharpness)))];
  },
});

const x = tensor([-2, -0.5, 0, 0.5, 2], undefined, { requiresGrad: true });
const y = softplus(x, { sharpness: 3 });
const values = Array.from(y.data);
backward(sum(y)); // the gradient is in x.grad; what lies between, y too, is freed

const slope = (at: number): number => {
  const f = (value: number): number =>
    softplus(tensor([value], undefined, { device: 'reference' }), { sharpness: 3 }).item();
  return (f(at + 1e-5) - f(at - 1e-5)) / 2e-5;
};

console.log(`on ${defaultDevice().name}`);
console.log('    x   softplus   gradient   finite difference');
for (const [i, value] of Array.from(x.data).entries()) {
  const cells = [values[i]!, x.grad!.data[i]!, slope(value)].map((cell) => cell.toFixed(5).padStart(10));
  console.log(`${value.toFixed(1).padStart(5)} ${cells.join(' ')}`);
}
