/** Recurrent layers and convolutions: outputs and gradients equal PyTorch's, on every device (I10, I11, I15). */
import { describe, it } from 'vitest';
import {
  add,
  backward,
  concat,
  conv1d,
  deviceNames,
  mul,
  permute,
  Random,
  Recurrent,
  type RecurrentCell,
  reshape,
  Sequences,
  scope,
  slice,
  sum,
  type Tensor,
} from '../src/index.ts';
import { needDevice } from './support/devices.ts';
import { Oracle, type TorchName } from './support/oracles.ts';

interface RecurrentArgs {
  readonly input: number;
  readonly hidden: number;
  readonly layers: number;
  readonly bidirectional: boolean;
}

const cells: Readonly<Record<string, RecurrentCell>> = { RNN: 'elman', LSTM: 'lstm', GRU: 'gru' };

/** `layers.1.back.input.weight` is `weight_ih_l1_reverse`. */
function torchName(path: string): TorchName {
  const [, layer, direction, rest] = /^layers\.(\d+)\.(ahead|back)\.(.*)$/.exec(path)!;
  const side = rest!.startsWith('input.') ? 'ih' : 'hh';
  return { name: `${rest!.split('.').at(-1)}_${side}_l${layer}${direction === 'back' ? '_reverse' : ''}` };
}

function recurrentCase(oracle: Oracle): void {
  const { input, hidden, layers, bidirectional } = oracle.info.args as unknown as RecurrentArgs;
  const context = { random: new Random(1, 'oracle'), device: oracle.device };
  const options = { cell: cells[oracle.info.class!]!, inputWidth: input, width: hidden, bidirectional };
  const model = new Recurrent({ ...options, numLayers: layers }, context);
  oracle.load(model, torchName);
  const x = oracle.tensor('in.x');
  const [batch, length] = x.shape as [number, number, number];
  const lengths = oracle.has('in.lengths')
    ? Array.from(oracle.values('in.lengths').data, Number)
    : new Array<number>(batch).fill(length);
  const [h0, c0] = [oracle.tensor('in.h0'), oracle.optional('in.c0')];
  const directions = bidirectional ? 2 : 1;
  const row = (of: Tensor, index: number): Tensor => reshape(slice(of, 0, index, index + 1), [batch, hidden]);
  const start = Array.from({ length: layers }, (_, layer) =>
    Array.from({ length: directions }, (_, direction) => {
      const index = layer * directions + direction;
      return { hidden: row(h0, index), cell: c0 && row(c0, index) };
    }),
  );
  const { output, states } = model.forward(x, Sequences.padded(lengths, length, x.device), start);
  const stacked = (side: 'hidden' | 'cell'): Tensor =>
    concat(
      states.flat().map((state) => reshape(state[side]!, [1, batch, hidden])),
      0,
    );
  const results: [string, Tensor][] = [
    ['y', output],
    ['h', stacked('hidden')],
    ...(c0 ? [['c', stacked('cell')] as [string, Tensor]] : []),
  ];
  for (const [name, result] of results) oracle.expect(result, `out.${name}`);
  backward(results.map(([name, result]) => sum(mul(result, oracle.tensor(`gout.${name}`)))).reduce(add));
  oracle.expect(x.grad, 'gin.x');
  oracle.expect(h0.grad, 'gin.h0');
  if (c0) oracle.expect(c0.grad, 'gin.c0');
  oracle.expectParameterGradients(model, torchName);
}

function convolutionCase(oracle: Oracle): void {
  const args = oracle.info.args as { stride?: number; dilation?: number; padding?: number; groups?: number };
  const [x, weight, bias] = [
    oracle.tensor('in.x'),
    oracle.tensor('param.weight'),
    oracle.optional('param.bias'),
  ];
  const turned = (of: Tensor): Tensor => permute(of, [0, 2, 1]); // PyTorch has the channels before the time
  const padding = args.padding ?? 0;
  const y = turned(
    conv1d(turned(x), turned(weight), bias, {
      ...{ before: padding, after: padding, groups: args.groups ?? 1 },
      ...{ stride: args.stride ?? 1, dilation: args.dilation ?? 1 },
    }),
  );
  oracle.expect(y, 'out.y');
  backward(y, { grad: oracle.tensor('gout.y') });
  oracle.expect(x.grad, 'gin.x');
  oracle.expect(weight.grad, 'gparam.weight');
  if (bias) oracle.expect(bias.grad, 'gparam.bias');
}

const sizes = ['1layer', '2layer'].flatMap((layers) => [layers, `${layers}_bi`]);
const recurrent = ['rnn', 'lstm', 'gru'].flatMap((cell) =>
  sizes.flatMap((size) => [`${cell}_${size}`, `${cell}_${size}_packed`]),
);
const convolutions = ['plain', 'padding', 'stride', 'dilation', 'groups', 'depthwise_no_bias'].map(
  (kind) => `conv1d_${kind}`,
);

describe.each(deviceNames())('PyTorch on %s', (device) => {
  it.for(recurrent)('%s', (name, context) => {
    needDevice(context, device);
    scope(() => recurrentCase(new Oracle(context, name, device)));
  });

  it.for(convolutions)('%s', (name, context) => {
    needDevice(context, device);
    scope(() => convolutionCase(new Oracle(context, name, device)));
  });
});
