/** Norms, residual connections and feed-forward networks. */
import type { Mechanism } from './mechanism.ts';

const norms = 'tests/properties/norms.test.ts';
const blocks = 'tests/properties/feed-forwards.test.ts';
const sublayers = 'tests/properties/sublayers.test.ts';
const oracles = 'tests/norm-oracles.test.ts';
const kept = 'padding, causality, caches and packed sequences change nothing';

export const rows: readonly Mechanism[] = [
  {
    id: 'H4',
    name: 'Batch norm',
    file: 'src/nn/norms/batch-norm.ts',
    verification:
      "PyTorch's outputs, gradients and running statistics; training differs from evaluation and changes with batch mates, where layer norm does not; padding changes nothing",
    test: oracles,
    more: [norms],
    titles: /batch_norm/,
  },
  {
    id: 'H5',
    name: 'Norm over a sentence (control)',
    file: 'src/nn/norms/sentence-norm.ts',
    verification: 'loops over words; differs from layer norm, and six pads shift it where they are counted',
    test: norms,
  },
  {
    id: 'H6',
    name: 'Post-norm and pre-norm',
    file: 'src/nn/residual.ts',
    verification:
      "gradients of fresh models: the last layer's falls as 1/√L with pre-norm and stays with post-norm, whose first layer starves; both train with warm-up, three seeds",
    test: sublayers,
  },
  {
    id: 'H7',
    name: 'RMS norm',
    file: 'src/ops/rms-norm/index.ts',
    verification: `PyTorch's outputs and gradients on every device; equals layer norm where the mean is 0; ${kept}`,
    test: oracles,
    more: [norms],
    titles: /rms_norm/,
  },
  {
    id: 'H10',
    name: 'Unshared and shared layers',
    file: 'src/models/stacks.ts',
    verification:
      'six layers have six gradients and six times the parameters of one; a shared gradient is the sum over its uses',
    test: sublayers,
  },
  {
    id: 'H+',
    name: 'ScaleNorm',
    file: 'src/nn/norms/scale-norm.ts',
    verification: `every vector gets the learned length; ${kept}`,
    test: norms,
    titles: /ScaleNorm|"scale"/,
  },
  {
    id: 'H+',
    name: 'DeepNorm',
    file: 'src/nn/deep-norm.ts',
    verification:
      'factors of the paper on inputs and first weights; with 12 layers the first layer keeps its gradient and an update changes the output less than a third as much as with post-norm',
    test: norms,
    titles: /DeepNorm|"deep"/,
  },
  {
    id: 'H+',
    name: 'Gated feed-forward networks (bilinear, GLU, ReGLU, GEGLU, SwiGLU)',
    file: 'src/nn/feed-forwards/gated.ts',
    verification: `scalar loops; finite differences of the fused op on every device; ${kept}`,
    test: blocks,
    more: ['tests/conformance.test.ts'],
    titles: /gated networks|"(bilinear|glu|reglu|geglu|swiglu)"|\bgate >/,
  },
  {
    id: 'H+',
    name: 'Mixture of experts',
    file: 'src/nn/feed-forwards/mixture.ts',
    verification: `token by token through its experts, with capacity, drops and balance loss; finite differences; counted operations of k experts; ${kept}`,
    test: blocks,
    titles: /mixture of experts|"moe"/,
  },
  {
    id: 'H+',
    name: 'Parallel residual connections',
    file: 'src/nn/residual.ts',
    verification: `x plus every sublayer of the same normed input; ${kept}`,
    test: blocks,
    titles: /parallelResidual|parallel residual/,
  },
  {
    id: 'H+',
    name: 'Stochastic depth',
    file: 'src/nn/stochastic-depth.ts',
    verification:
      'rates and mean over 4000 steps a layer; evaluation is the full model; a layer left out has no gradient',
    test: blocks,
    titles: /stochastic depth/,
  },
];
