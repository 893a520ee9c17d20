/** `heed bench mechanisms` leaves nothing out, and nothing that it measures falls off the fast path. No time is read. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type MechanismChoice, mechanismChoices, notMeasured } from '../src/bench/mechanism-choices.ts';
import { mechanismStep } from '../src/bench/mechanisms.ts';
import { benchModel } from '../src/bench/shapes.ts';
import { countOps, getDevice, type TransformerConfig } from '../src/index.ts';
import { root } from './support/built-package.ts';
import { needDevice } from './support/devices.ts';

const shape = {
  ...{ dModel: 16, numHeads: 2, dFf: 16, layers: 2, vocabSize: 20 },
  ...{ batch: 2, sourceLength: 6, targetLength: 5 },
};
const choices = mechanismChoices();

interface Field {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: string;
  readonly default?: unknown;
  readonly anyOf?: readonly Field[];
  readonly properties?: Readonly<Record<string, Field>>;
}

const schema = JSON.parse(readFileSync(`${root}docs/experiment.schema.json`, 'utf8')) as Field;

/** The fields of an architecture, from the schema that is written for editors. */
function fieldsOf(kind: string): Readonly<Record<string, Field>> {
  const model = schema.properties!.model!.anyOf!.find(({ properties }) => properties!.kind!.const === kind);
  return model!.properties!;
}

/** What is said of a field's values: `field.value`, and `field.kind.option.value` of groups. */
function valuesOf(path: string, field: Field): string[] {
  const values = field.type === 'boolean' ? [false, true] : (field.enum ?? []);
  const groups = (field.anyOf ?? []).flatMap((one): string[] => {
    if (!one.properties) return valuesOf(path, one);
    const { kind, ...options } = one.properties;
    return Object.entries(options).flatMap(([name, option]) =>
      valuesOf(`${path}.${kind!.const}.${name}`, option).filter(
        (value) => value !== `${path}.${kind!.const}.${name}.${String(option.default)}`,
      ),
    );
  });
  return [...values.map((value) => `${path}.${String(value)}`), ...groups];
}

/** A stack's own field as that of both stacks. */
const common = (field: string): string =>
  field.replace(/^(encoder|decoder)([A-Z])/, (_, __, letter: string) => letter.toLowerCase());

/** What a choice changes, in the same words. */
function measuredBy({ change }: MechanismChoice): string[] {
  return Object.entries(change).flatMap(([field, value]): string[] => {
    if (typeof value !== 'object' || value === null) return [`${common(field)}.${String(value)}`];
    const { kind, ...options } = value as Record<string, unknown>;
    const own = Object.entries(options).map(
      ([name, option]) => `${common(field)}.${kind}.${name}.${String(option)}`,
    );
    return [`${common(field)}.${kind}`, ...own];
  });
}

const isExcused = (value: string): boolean =>
  Object.keys(notMeasured).some((path) => value === path || value.startsWith(path.replace(/\.?$/, '.')));

/** Values that the schema knows and no choice of the family has, but for those of the plain model. */
function unmeasured(kind: string, plain: Readonly<Record<string, unknown>>): string[] {
  const families = kind === 'transformer' ? ['transformer', 'packed-transformer'] : [kind];
  const measured = new Set(choices.filter(({ family }) => families.includes(family)).flatMap(measuredBy));
  const fields = Object.entries(fieldsOf(kind)).filter(
    ([field]) => field !== 'kind' && common(field) === field,
  );
  return fields
    .flatMap(([field, rule]) =>
      valuesOf(field, rule).filter((value) => value !== `${field}.${String(plain[field])}`),
    )
    .filter((value) => !measured.has(value) && !isExcused(value));
}

describe('what is measured', () => {
  it('is every kind, switch and named value of the Transformer', (context) => {
    needDevice(context, 'native');
    const { config } = benchModel(shape, getDevice('native'));
    const plain = { ...config, crossAttention: 'multi-head' } satisfies TransformerConfig;
    expect(unmeasured('transformer', plain as unknown as Record<string, unknown>)).toEqual([]);
  });

  it('is every kind, switch and named value of the recurrent model', () => {
    const { cell, bidirectional, attention, inputFeeding } = fieldsOf('lstm-seq2seq');
    const plain = {
      cell: cell!.default,
      bidirectional: bidirectional!.default,
      attention: attention!.default,
      inputFeeding: inputFeeding!.default,
    };
    expect(unmeasured('lstm-seq2seq', plain)).toEqual([]);
  });

  it('changes fields that there are, each choice under a name of its own', () => {
    for (const { name, family, change } of choices) {
      const fields = fieldsOf(family === 'lstm-seq2seq' ? family : 'transformer');
      expect(Object.keys(fields), name).toEqual(expect.arrayContaining(Object.keys(change)));
    }
    expect(new Set(choices.map(({ name, family }) => `${family} ${name}`)).size).toBe(choices.length);
  });

  it('leaves out only what there is, with a reason', () => {
    const known = new Set(
      Object.entries(fieldsOf('transformer')).flatMap(([field, rule]) => valuesOf(field, rule)),
    );
    for (const [path, why] of Object.entries(notMeasured)) {
      expect(why.length).toBeGreaterThan(10);
      const start = path.replace(/\.?$/, '');
      expect(
        [...known].some((value) => value === start || value.startsWith(`${start}.`)),
        path,
      ).toBe(true);
    }
  });
});

it.for(choices.map((choice) => [`${choice.family}, ${choice.name}`, choice] as const))(
  '%s: a step on native falls back nowhere',
  ([, { family, change }], context) => {
    needDevice(context, 'native');
    const step = mechanismStep(family, shape, getDevice('native'), change);
    const { counts } = countOps(step);
    expect([...counts.fallbacks]).toEqual([]);
    expect(counts.flops).toBeGreaterThan(0);
    step.dispose();
  },
);
