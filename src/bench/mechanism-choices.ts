/** What `heed bench mechanisms` measures: every kind and switch that a configuration can choose. */
import { recurrentSeq2SeqRules } from '../models/recurrent-seq2seq-config.ts';
import { scoreScales } from '../nn/attention/attend.ts';
import { attentions } from '../nn/attention/kinds.ts';
import { feedForwards } from '../nn/feed-forwards/index.ts';
import { norms } from '../nn/norms/index.ts';
import { positions } from '../nn/position/index.ts';
import { normPlacements } from '../nn/residual.ts';
import type { OptionRule, OptionRules, Variants } from '../nn/variants.ts';
import { activationNames } from '../ops/activate/index.ts';

/**
 * The plain model that stands beside a choice: the Transformer; the Transformer in the packed pass of the Trainer, for
 * what has a loss of its own; or the recurrent encoder–decoder.
 */
export type MechanismFamily = 'transformer' | 'packed-transformer' | 'lstm-seq2seq';

/** Fields of a configuration over those of the plain model. */
export type MechanismChange = Readonly<Record<string, unknown>>;

/** One choice of a mechanism. */
export interface MechanismChoice {
  /** `position: rope` */
  readonly name: string;
  readonly family: MechanismFamily;
  readonly change: MechanismChange;
}

/** Kinds and switches that are not measured, as `field.kind.option` or the beginning of it, and why. */
export const notMeasured: Readonly<Record<string, string>> = {
  'attention.multi-head.talkingHeads': 'it is attention talking-heads',
  'attention.local.': 'switches of multi-head, which are measured there',
  'attention.talking-heads.': 'switches of multi-head, which are measured there',
  'crossAttention.multi-head.': 'switches of multi-head, which are measured in self-attention',
  'crossAttention.talking-heads.': 'switches of multi-head, which are measured in self-attention',
  'crossAttention.hard.': 'measured in self-attention',
  'crossAttention.local': 'a window needs queries and keys of one text',
  'crossAttention.global': 'a pattern needs queries and keys of one text',
  'crossAttention.random': 'a pattern needs queries and keys of one text',
  'crossAttention.bigbird': 'a pattern needs queries and keys of one text',
  'crossAttention.linformer': 'for encoderAttention only',
  'crossAttention.linear': 'needs queries and keys of one text',
  'crossAttention.graph': 'for encoderAttention only',
  'feedForward.bilinear.bias': 'measured with swiglu',
  'feedForward.glu.bias': 'measured with swiglu',
  'feedForward.reglu.bias': 'measured with swiglu',
  'feedForward.geglu.bias': 'measured with swiglu',
  'feedForward.moe.expert': 'an expert is a network that is measured by itself',
};

/** Kinds that only an encoder can have. */
const encoderOnly: ReadonlySet<string> = new Set(['linformer', 'graph', 'structural', 'sentence']);

/** What goes with a kind or an option so that it does something, or does not clash with the plain model. */
const companions: Readonly<Record<string, MechanismChange>> = {
  'position.rope.scaling': { factor: 2 },
  'attention.linear': { attentionDropout: 0 },
};

function isSkipped(path: string): boolean {
  return Object.keys(notMeasured).some(
    (start) => path === start || (start.endsWith('.') && path.startsWith(start)),
  );
}

/** The values of an option besides its default; numbers have too many. */
function others(rule: OptionRule): unknown[] {
  if (rule.type === 'flag') return [!rule.default];
  return rule.type === 'choice' ? rule.of.filter((value) => value !== rule.default) : [];
}

/** Every kind of a field but the plain one, and every kind with each of its switches turned. */
function kindsOf(
  field: string,
  variants: Variants,
  plain: string,
  family: MechanismFamily,
): MechanismChoice[] {
  return Object.entries(variants).flatMap(([kind, { options }]) => {
    const path = `${field}.${kind}`;
    if (isSkipped(path)) return [];
    const where = encoderOnly.has(kind) ? `encoder${field[0]!.toUpperCase()}${field.slice(1)}` : field;
    const more = companions[path];
    const turned = Object.entries(options as OptionRules).flatMap(([option, rule]) =>
      isSkipped(`${path}.${option}`)
        ? []
        : others(rule).map((value) => ({
            name: `${where}: ${kind}, ${option} ${value}`,
            family,
            change: { ...more, [where]: { kind, [option]: value, ...companions[`${path}.${option}`] } },
          })),
    );
    const itself = { name: `${where}: ${kind}`, family, change: { ...more, [where]: kind } };
    return kind === plain ? turned : [itself, ...turned];
  });
}

/** Values of a field but the plain one. */
function valuesOf(
  field: string,
  values: readonly unknown[],
  plain: unknown,
  family: MechanismFamily = 'transformer',
) {
  return values
    .filter((value) => value !== plain)
    .map((value): MechanismChoice => ({ name: `${field}: ${value}`, family, change: { [field]: value } }));
}

/** A group of options of a kind, numbers among them. */
function withOptions(field: string, kind: string, options: MechanismChange, family: MechanismFamily) {
  const said = Object.entries(options).map(([name, value]) => `${name} ${value}`);
  return { name: `${field}: ${kind}, ${said.join(', ')}`, family, change: { [field]: { kind, ...options } } };
}

function recurrentChoices(): MechanismChoice[] {
  const family = 'lstm-seq2seq';
  const { cell, bidirectional, attention, inputFeeding } = recurrentSeq2SeqRules;
  return [
    ...valuesOf('cell', cell.of, cell.default, family),
    ...valuesOf('bidirectional', [true, false], bidirectional.default, family),
    ...kindsOf('attention', attention.of, attention.default, family),
    withOptions('attention', 'luong', { guidedWeight: 1 }, family),
    ...valuesOf('inputFeeding', [true], inputFeeding.default, family),
  ];
}

/** Every choice, the Transformer's first. */
export function mechanismChoices(): readonly MechanismChoice[] {
  const plain = 'transformer';
  const packed = 'packed-transformer';
  return [
    ...kindsOf('position', positions, 'sinusoidal', plain),
    ...kindsOf('attention', attentions, 'multi-head', plain),
    withOptions('attention', 'multi-head', { softCap: 30 }, plain),
    withOptions('attention', 'multi-head', { numKvHeads: 1 }, plain),
    withOptions('attention', 'multi-head', { numHeads: 1 }, plain),
    ...kindsOf('crossAttention', attentions, 'multi-head', plain),
    ...kindsOf('norm', norms, 'layer', plain),
    ...kindsOf('feedForward', feedForwards, 'mlp', plain),
    ...valuesOf('normPlacement', normPlacements, 'pre'),
    ...valuesOf('finalNorm', [false, true], true),
    ...valuesOf('parallelResidual', [true], false),
    ...valuesOf('stochasticDepth', [0.2], 0),
    ...valuesOf('shareLayers', [true], false),
    ...valuesOf('attentionScale', Object.keys(scoreScales), 'sqrt'),
    ...valuesOf('activation', activationNames, 'relu'),
    ...valuesOf('tieEmbeddings', ['none', 'all'], 'target'),
    ...valuesOf('scaleEmbeddings', [false], true),
    ...valuesOf('copy', [true], false, packed),
    ...valuesOf('blockwise', [3], undefined, packed),
    withOptions('crossAttention', 'multi-head', { guidedWeight: 1 }, packed),
    ...recurrentChoices(),
  ];
}
