/** RMS and batch normalisation equal PyTorch's, on every device. */
import { describe, it } from 'vitest';
import {
  BatchNorm,
  backward,
  deviceNames,
  permute,
  Random,
  reshape,
  rmsNorm,
  scope,
  type Tensor,
} from '../src/index.ts';
import { needDevice } from './support/devices.ts';
import { Oracle } from './support/oracles.ts';

const DOUBLE_EPS = 2 ** -52;

function rms(oracle: Oracle, eps: number): void {
  const [x, weight] = [oracle.tensor('in.x'), oracle.tensor('param.weight')];
  const y = rmsNorm(x, weight, eps);
  oracle.expect(y, 'out.y');
  backward(y, { grad: oracle.tensor('gout.y') });
  oracle.expect(x.grad, 'gin.x');
  oracle.expect(weight.grad, 'gparam.weight');
}

function batchNorm(oracle: Oracle, statistics: 'moving' | 'cumulative'): BatchNorm {
  const { weight: stored, bias } = {
    weight: oracle.values('param.weight'),
    bias: oracle.values('param.bias'),
  };
  const context = { random: new Random(1, 'oracle'), device: oracle.device };
  const norm = new BatchNorm(10, context, 1e-5, { statistics, momentum: 0.1 });
  norm.weight.data.set(stored.data);
  norm.bias.data.set(bias.data);
  return norm;
}

/** `[N, C, L]` to `[N, L, C]` and back: the last axis is the channels here. */
const turned = (x: Tensor): Tensor => permute(x, [0, 2, 1]);

function running(oracle: Oracle, statistics: 'moving' | 'cumulative'): void {
  const norm = batchNorm(oracle, statistics);
  for (const step of [0, 1, 2]) {
    oracle.expect(turned(norm.forward(turned(oracle.tensor(`in.x${step}`)))), `out.train${step}`);
    oracle.expect(norm.runningMean, `out.running_mean${step}`);
    oracle.expect(norm.runningVariance, `out.running_var${step}`);
  }
  norm.eval();
  const x = oracle.tensor('in.x_eval');
  const y = turned(norm.forward(turned(x)));
  oracle.expect(y, 'out.eval');
  backward(y, { grad: oracle.tensor('gout.eval') });
  oracle.expect(x.grad, 'gin.x_eval');
}

function training(oracle: Oracle): void {
  const norm = batchNorm(oracle, 'moving');
  const x = oracle.tensor('in.x');
  const y = reshape(norm.forward(reshape(x, [1, 9, 10])), [9, 10]);
  oracle.expect(y, 'out.y');
  backward(y, { grad: oracle.tensor('gout.y') });
  oracle.expect(x.grad, 'gin.x');
  oracle.expect(norm.weight.grad, 'gparam.weight');
  oracle.expect(norm.bias.grad, 'gparam.bias');
}

const cases: Readonly<Record<string, (oracle: Oracle) => void>> = {
  rms_norm: (oracle) => rms(oracle, 1e-6),
  rms_norm_eps_none: (oracle) => rms(oracle, DOUBLE_EPS),
  'batch_norm1d_momentum_0.1': (oracle) => running(oracle, 'moving'),
  batch_norm1d_momentum_None: (oracle) => running(oracle, 'cumulative'),
  batch_norm1d_train_backward: training,
};

describe.each(deviceNames())('PyTorch on %s', (device) => {
  it.for(Object.entries(cases))('%s', ([name, check], context) => {
    needDevice(context, device);
    scope(() => check(new Oracle(context, name, device)));
  });
});
