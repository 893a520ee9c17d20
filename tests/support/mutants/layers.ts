/** Bugs in embeddings, norms, residuals, dropout, activations and the loss. */
import {
  add,
  type CrossEntropyParams,
  concat,
  Dropout,
  type DropoutNormParams,
  type DropoutParams,
  dropout,
  FeedForward,
  keepWhere,
  layerNorm,
  logSoftmax,
  mean,
  mul,
  Residual,
  reciprocal,
  relu,
  reshape,
  SinusoidalPosition,
  scale,
  sign,
  slice,
  sqrt,
  square,
  sub,
  type Tensor,
  tensor,
  transpose,
  zeros,
} from '../../../src/index.ts';
import {
  crossEntropyEqualsLoops,
  dropoutGradientHasTheSameMask,
  dropoutIsOffInEvaluation,
  dropoutKeepsTheMean,
  embeddingEqualsOneHot,
  feedForwardIsPositionWise,
  geluIsExact,
  layerNormEqualsLoops,
  layerNormNormalises,
  linearEqualsLoops,
  paddingRowStaysZero,
  postNormDropsTheSublayer,
  reluHasItsGradient,
  residualAdds,
  residualPassesTheGradient,
  sinusoidsRotate,
} from '../checks/layers.ts';
import { definitionOf, type Mutant, mutateOp, mutateParams, patch } from './mutant.ts';

interface EmbeddingParams {
  readonly scale: number;
  readonly paddingId: number;
}
interface NormParams {
  readonly eps: number;
}

const embeddings: readonly Mutant[] = [
  {
    name: 'embeddings not scaled by √C',
    mutate: mutateParams<EmbeddingParams>('embedding', 'compute', (p) => ({ ...p, scale: 1 })),
    caughtBy: embeddingEqualsOneHot,
  },
  {
    name: 'embedding gradient not scaled by √C',
    mutate: mutateParams<EmbeddingParams>('embeddingGradient', 'compute', (p) => ({ ...p, scale: 1 })),
    caughtBy: embeddingEqualsOneHot,
  },
  {
    name: 'embedding gradient of a repeated id overwritten instead of summed',
    mutate: mutateOp<EmbeddingParams, 'compute'>('embeddingGradient', 'compute', (real) => (context) => {
      const [grad, ids] = context.inputs as [Tensor, Tensor];
      const width = grad.shape.at(-1)!;
      const last = Float64Array.from(grad.data, (value, i) => {
        const place = Math.floor(i / width);
        return ids.data.indexOf(ids.data[place]! as never, place + 1) < 0 ? value : 0;
      });
      real({ ...context, inputs: [tensor(last, grad.shape, grad), ids] });
    }),
    caughtBy: embeddingEqualsOneHot,
  },
  {
    name: 'the padding row gets a gradient',
    mutate: mutateParams<EmbeddingParams>('embeddingGradient', 'compute', (p) => ({ ...p, paddingId: -1 })),
    caughtBy: paddingRowStaysZero,
  },
  {
    name: 'sine on even positions instead of even channels (X24)',
    mutate: mutateSinusoid((table, t, c) => table(t, t % 2 ? c | 1 : c & ~1)),
    caughtBy: sinusoidsRotate,
  },
  {
    name: 'positions counted from 1',
    mutate: mutateSinusoid((table, t, c) => table(t + 1, c)),
    caughtBy: sinusoidsRotate,
  },
];

/** Reads the real table at other places. */
function mutateSinusoid(
  change: (table: (t: number, c: number) => number, t: number, c: number) => number,
): () => () => void {
  return () =>
    patch(
      SinusoidalPosition.prototype,
      'forward',
      (real) =>
        function (this: SinusoidalPosition, x, place = 0) {
          const start = Number(place);
          const [, length, width] = x.shape as [number, number, number];
          const row = (t: number): Tensor =>
            real.call(this, zeros([1, 1, width], x), Math.min(start + t, start + length - 1));
          const table = (t: number, c: number): number => row(t).data[c]!;
          const values = Float64Array.from({ length: length * width }, (_, i) =>
            change(table, Math.floor(i / width), i % width),
          );
          return add(x, tensor(values, [length, width], x));
        },
    );
}

/** `(x − μ) · factor(σ²)`, the factor with whatever history it is given. */
function normalised(x: Tensor, factor: (variance: Tensor) => Tensor): Tensor {
  const centred = sub(x, mean(x, { axes: -1, keepDims: true }));
  return mul(centred, factor(mean(square(centred), { axes: -1, keepDims: true })));
}

function mutateNorm(normal: (x: Tensor, eps: number) => Tensor): () => () => void {
  return mutateOp<NormParams, 'reference'>('layerNorm', 'reference', () => ([x, weight, bias], { eps }) => {
    const y = normal(x!, eps);
    const scaled = weight ? mul(y, weight) : y;
    return bias ? add(scaled, bias) : scaled;
  });
}

const norms: readonly Mutant[] = [
  {
    name: 'layer norm: eps outside the root',
    mutate: mutateNorm((x, eps) => normalised(x, (variance) => reciprocal(scale(sqrt(variance), 1, eps)))),
    caughtBy: layerNormEqualsLoops,
  },
  {
    name: 'layer norm: variance over C − 1',
    mutate: mutateNorm((x, eps) => {
      const width = x.shape.at(-1)!;
      return normalised(x, (v) => reciprocal(sqrt(scale(v, width / (width - 1), eps))));
    }),
    caughtBy: layerNormEqualsLoops,
  },
  {
    name: 'layer norm: mean and variance without gradient',
    mutate: mutateNorm((x, eps) => {
      const mu = mean(x, { axes: -1, keepDims: true }).detach();
      const variance = mean(square(sub(x, mu)), { axes: -1, keepDims: true }).detach();
      return mul(sub(x, mu), reciprocal(sqrt(scale(variance, 1, eps))));
    }),
    caughtBy: layerNormEqualsLoops,
  },
  {
    name: 'layer norm over the whole sentence (X14)',
    mutate: mutateNorm((x, eps) => {
      const rows = reshape(x, [x.shape.length > 2 ? x.shape[0]! : 1, -1]);
      return reshape(
        normalised(rows, (v) => reciprocal(sqrt(scale(v, 1, eps)))),
        x.shape,
      );
    }),
    caughtBy: layerNormNormalises,
  },
  {
    name: 'residual connection missing',
    mutate: mutateOp<DropoutParams, 'reference'>(
      'dropoutResidual',
      'reference',
      (real) =>
        ([x, bias, residual], p) =>
          real([x!, bias!, scale(residual!, 0)], p),
    ),
    caughtBy: residualAdds,
  },
  {
    name: 'post-norm: the input added behind the norm',
    mutate: mutateOp<DropoutNormParams, 'reference'>(
      'dropoutResidualNorm',
      'reference',
      () =>
        ([x, residual, weight, bias], { eps }) =>
          add(residual!, layerNorm(x!, weight!, bias!, eps)),
    ),
    caughtBy: postNormDropsTheSublayer,
  },
  {
    name: 'gradient of the residual connection missing',
    mutate: mutateOp<DropoutParams, 'backward'>('dropoutResidual', 'backward', (real) => (context) => {
      const [dx, dBias] = real(context);
      return [dx!, dBias!, null];
    }),
    caughtBy: residualPassesTheGradient,
  },
  {
    name: 'pre-norm: sublayer added to the normed input',
    mutate: () =>
      patch(
        Residual.prototype,
        'forward',
        (real) =>
          function (this: Residual, x, sublayer) {
            return real.call(this, this.norm.forward(x), sublayer);
          },
      ),
    caughtBy: residualAdds,
  },
];

function mutateDropoutLayer(forward: (layer: Dropout, x: Tensor) => Tensor): () => () => void {
  return () =>
    patch(
      Dropout.prototype,
      'forward',
      () =>
        function (this: Dropout, x: Tensor) {
          return forward(this, x);
        },
    );
}

const dropouts: readonly Mutant[] = [
  {
    name: 'dropout not rescaled',
    mutate: mutateOp<DropoutParams, 'compute'>('dropout', 'compute', (real) => (context) => {
      real(context);
      const { data } = context.output;
      for (let i = 0; i < data.length; i++) data[i]! *= 1 - context.params.p;
    }),
    caughtBy: dropoutKeepsTheMean,
  },
  {
    name: 'dropout keeps with probability p',
    mutate: mutateParams<DropoutParams>('dropout', 'compute', (p) => ({ ...p, p: 1 - p.p })),
    caughtBy: dropoutKeepsTheMean,
  },
  {
    name: 'dropout with another mask in the backward pass',
    mutate: mutateOp<DropoutParams, 'backward'>(
      'dropout',
      'backward',
      (real) => (context) =>
        real({ ...context, params: { ...context.params, key: [context.params.key[0] + 1, 0] } }),
    ),
    caughtBy: dropoutGradientHasTheSameMask,
  },
  {
    name: 'dropout also in evaluation',
    mutate: mutateDropoutLayer((layer, x) => dropout(x, { p: layer.p, key: [1, 2] })),
    caughtBy: dropoutIsOffInEvaluation,
  },
  {
    name: 'dropout with one mask for ever',
    mutate: mutateDropoutLayer((layer, x) => (layer.training ? dropout(x, { p: layer.p, key: [1, 2] }) : x)),
    caughtBy: dropoutIsOffInEvaluation,
  },
];

const linears: readonly Mutant[] = [
  {
    name: 'weight transposed, where it is square',
    mutate: mutateOp<object, 'reference'>('linear', 'reference', (real) => ([x, weight, bias], p) => {
      const isSquare = weight!.shape[0] === weight!.shape[1];
      return real([x!, isSquare ? transpose(weight!) : weight!, bias!], p);
    }),
    caughtBy: linearEqualsLoops,
  },
  {
    name: 'bias gradient averaged over tokens',
    mutate: mutateOp<object, 'backward'>('linear', 'backward', (real) => (context) => {
      const [dx, dWeight, dBias] = real(context);
      const rows = context.grad.size / context.grad.shape.at(-1)!;
      return [dx!, dWeight!, dBias ? scale(dBias, 1 / rows) : null];
    }),
    caughtBy: linearEqualsLoops,
  },
  {
    name: 'GELU in its tanh form where the exact one is meant',
    mutate: mutateOp<object, 'compute'>('gelu', 'compute', () => definitionOf<object>('geluTanh').compute),
    caughtBy: geluIsExact,
  },
  {
    name: 'ReLU with gradient 1 at 0',
    mutate: mutateOp<object, 'backward'>('relu', 'backward', () => ({ inputs: [x], grad }) => [
      mul(
        grad,
        tensor(
          Float64Array.from(x!.data, (value) => Number(value >= 0)),
          x!.shape,
          x!,
        ),
      ),
    ]),
    caughtBy: reluHasItsGradient,
  },
  {
    name: 'ReLU with a gradient of −1 below 0',
    mutate: mutateOp<object, 'backward'>('relu', 'backward', () => ({ inputs: [x], grad }) => [
      mul(grad, sign(x!)),
    ]),
    caughtBy: reluHasItsGradient,
  },
  {
    name: 'activation after both layers of the feed-forward network (X33)',
    mutate: mutateFeedForward((real, x) => relu(real(x))),
    caughtBy: feedForwardIsPositionWise,
  },
  {
    name: 'feed-forward network reads the neighbour',
    mutate: mutateFeedForward((real, x) => real(concat([slice(x, 1, 1), slice(x, 1, 0, 1)], 1))),
    caughtBy: feedForwardIsPositionWise,
  },
];

function mutateFeedForward(change: (real: (x: Tensor) => Tensor, x: Tensor) => Tensor): () => () => void {
  return () =>
    patch(
      FeedForward.prototype,
      'forward',
      (real) =>
        function (this: FeedForward, x: Tensor) {
          return change((input) => real.call(this, input), x);
        },
    );
}

const entropy = (change: (p: CrossEntropyParams, inputs: readonly Tensor[]) => Partial<CrossEntropyParams>) =>
  mutateParams<CrossEntropyParams>('crossEntropy', 'reference', (p, inputs) => ({
    ...p,
    ...change(p, inputs),
  }));

const losses: readonly Mutant[] = [
  {
    name: 'loss at padding',
    mutate: entropy(() => ({ ignoreIndex: -100 })),
    caughtBy: crossEntropyEqualsLoops,
  },
  {
    name: 'label smoothing at padding',
    mutate: mutateOp<CrossEntropyParams, 'reference'>(
      'crossEntropy',
      'reference',
      (real) =>
        ([logits, targets], p) => {
          const ignored = Uint8Array.from(targets!.data, (id) => Number(id === p.ignoreIndex));
          const mask = tensor(ignored, targets!.shape, { dtype: 'bool', device: targets!.device });
          const spread = scale(mean(logSoftmax(logits!), { axes: -1 }), -p.labelSmoothing);
          return add(real([logits!, targets!], p), keepWhere(spread, mask, 0));
        },
    ),
    caughtBy: crossEntropyEqualsLoops,
  },
  {
    name: 'smoothing spread over the other classes only',
    mutate: entropy((p, [logits]) => {
      const classes = logits!.shape.at(-1)!;
      return { labelSmoothing: (p.labelSmoothing * classes) / (classes - 1) };
    }),
    caughtBy: crossEntropyEqualsLoops,
  },
  {
    name: 'label smoothing forgotten',
    mutate: entropy(() => ({ labelSmoothing: 0 })),
    caughtBy: crossEntropyEqualsLoops,
  },
];

export const layerMutants: readonly Mutant[] = [...embeddings, ...norms, ...dropouts, ...linears, ...losses];
