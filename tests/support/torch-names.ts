/** Our parameter paths in PyTorch's words. */
import type { TorchName } from './oracles.ts';

const projections = ['query', 'key', 'value'];

/** Of an attention: `query.weight` is a third of `in_proj_weight`. */
export function attentionName(path: string, prefix = ''): TorchName {
  const [layer, kind] = path.split('.') as [string, string];
  const third = projections.indexOf(layer);
  return third < 0 ? { name: `${prefix}out_proj.${kind}` } : { name: `${prefix}in_proj_${kind}`, third };
}

const sublayers: Readonly<Record<string, string>> = {
  'feedForward.inner': 'linear1',
  'feedForward.outer': 'linear2',
  'selfAttentionResidual.norm': 'norm1',
  'crossAttentionResidual.norm': 'norm2',
};

/** Of an encoder or decoder layer. */
export function layerName(path: string, isDecoder: boolean, prefix = ''): TorchName {
  const parts = path.split('.');
  const kind = parts.pop()!;
  if (parts[0] === 'selfAttention') return attentionName(`${parts[1]}.${kind}`, `${prefix}self_attn.`);
  if (parts[0] === 'crossAttention') return attentionName(`${parts[1]}.${kind}`, `${prefix}multihead_attn.`);
  const last = isDecoder ? 'norm3' : 'norm2';
  const name = parts[0] === 'feedForwardResidual' ? last : sublayers[parts.join('.')];
  return { name: `${prefix}${name}.${kind}` };
}

/** Of a stack of layers: `layers.0.selfAttention.query.weight`, or `norm.weight`. */
export function stackName(path: string, isDecoder: boolean, prefix = ''): TorchName {
  const [, index, rest] = /^layers\.(\d+)\.(.*)$/.exec(path) ?? [];
  if (rest === undefined) return { name: `${prefix}${path}` };
  return layerName(rest, isDecoder, `${prefix}layers.${index}.`);
}

/** Of a stack of one layer, where the oracle is the layer alone. */
export function loneLayerName(path: string, isDecoder: boolean): TorchName {
  return layerName(path.replace(/^layers\.0\./, ''), isDecoder);
}
