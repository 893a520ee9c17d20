/** The house rules that a machine can see; docs/architecture.md says what they are for. */
import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { definedOps } from '../src/core/op.ts';
import '../src/index.ts';
import { experimentJsonSchema } from '../src/train/config/validate.ts';
import { heedVersion } from '../src/version.ts';
import { root } from './support/built-package.ts';
import {
  anyTypes,
  importsOf,
  librarySources,
  projectFiles,
  read,
  resolved,
  undocumentedExports,
} from './support/source-files.ts';

/** Ground first; the places of one row may not use each other in a circle. */
const floors: readonly (readonly string[])[] = [
  ['errors.ts', 'edit-distance.ts', 'version.ts'],
  ['core'],
  ['ops'],
  ['backends'],
  ['nn'],
  ['models', 'tokenizers', 'metrics', 'formats'],
  ['data', 'generate'],
  ['train', 'report', 'bench'],
  ['cli', 'index.ts'],
];

const library = ['core', 'ops', 'nn', 'models', 'tokenizers', 'metrics', 'formats'];

function placeOf(file: string): string {
  return file.split('/')[1]!;
}

function floorOf(file: string): number {
  return floors.findIndex((places) => places.includes(placeOf(file)));
}

const sources = librarySources();
const imports = new Map(sources.map((file) => [file, importsOf(file)]));
const edges = [...imports].flatMap(([from, targets]) =>
  targets.filter((target) => target.startsWith('.')).map((target) => [from, resolved(from, target)] as const),
);

/** One circle of files as a path, if there is any. */
function circle(): string[] | undefined {
  const state = new Map<string, 'open' | 'done'>();
  const below = (file: string): string[] =>
    edges.flatMap(([from, target]) => (from === file ? [target] : []));
  const walk = (file: string, path: readonly string[]): string[] | undefined => {
    if (state.get(file) === 'open') return [...path.slice(path.indexOf(file)), file];
    if (state.has(file)) return undefined;
    state.set(file, 'open');
    for (const target of below(file)) {
      const found = walk(target, [...path, file]);
      if (found) return found;
    }
    state.set(file, 'done');
    return undefined;
  };
  for (const file of sources) {
    const found = walk(file, []);
    if (found) return found;
  }
  return undefined;
}

describe('imports', () => {
  it('are found', () => {
    expect(sources.length).toBeGreaterThan(100);
    expect(edges.length).toBeGreaterThan(3 * sources.length);
    expect(sources.filter((file) => floorOf(file) < 0)).toEqual([]);
    expect(edges.filter(([, target]) => !imports.has(target))).toEqual([]);
  });

  it('never point up', () => {
    expect(edges.filter(([from, target]) => floorOf(target) > floorOf(from))).toEqual([]);
  });

  it('never form a circle of files, types included', () => {
    expect(circle()).toBeUndefined();
  });

  it('reach the backends only from the entry and the command line', () => {
    const isTop = (file: string): boolean => ['backends', 'cli', 'index.ts'].includes(placeOf(file));
    const wrong = edges.filter(([from, target]) => placeOf(target) === 'backends' && !isTop(from));
    expect(wrong).toEqual([]);
  });

  it('name packages only in the configuration and the command line, and node: not in the library', () => {
    const outside = [...imports].flatMap(([file, targets]) =>
      targets.filter((target) => !target.startsWith('.')).map((target) => ({ file, target })),
    );
    const isNode = (target: string): boolean => target.startsWith('node:');
    const mayUsePackages = (file: string): boolean =>
      placeOf(file) === 'cli' || file.startsWith('src/train/config/');
    expect(outside.filter(({ file, target }) => !isNode(target) && !mayUsePackages(file))).toEqual([]);
    expect(outside.filter(({ file }) => library.includes(placeOf(file)))).toEqual([]);
    const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> };
    const used = new Set(outside.map(({ target }) => target).filter((target) => !isNode(target)));
    expect(used).toEqual(new Set(Object.keys(dependencies)));
  });
});

describe('files', () => {
  const typescript = projectFiles().filter((file) => /\.(ts|mjs)$/.test(file));
  const lineCount = (file: string): number => read(file).split('\n').length - 1;

  it('are small', () => {
    expect(typescript.filter((file) => lineCount(file) > 800)).toEqual([]);
    const sorted = sources.map(lineCount).toSorted((a, b) => a - b);
    expect(sorted[sorted.length >> 1]).toBeLessThan(200);
  });

  it('hold no any without a reason', () => {
    expect(typescript.flatMap((file) => anyTypes(file).map((line) => `${file}:${line}`))).toEqual([]);
  });

  it('hold nothing left to do and no path of a machine', () => {
    const marks = new RegExp(
      ['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X'].map((word) => `\\b${word}\\b`).join('|'),
    );
    const paths = new RegExp(
      ['work', 'home', 'root', 'Users', 'tmp'].map((name) => `["'\`\\s(=]/${name}/\\w`).join('|'),
    );
    const wrong = projectFiles()
      .filter((file) => /\.(ts|mjs|md|yaml|json|c|h|def)$|^\.ci\//.test(file))
      .flatMap((file) => {
        const lines = read(file).split('\n');
        return lines.flatMap((line, i) =>
          marks.test(line) || paths.test(line) ? [`${file}:${i + 1}: ${line}`] : [],
        );
      });
    expect(wrong).toEqual([]);
  });

  it('link only to what is there', () => {
    const pages = projectFiles().filter((file) => file.endsWith('.md'));
    expect(pages).toContain('README.md');
    const links = pages.flatMap((page) =>
      [...read(page).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)].map(([, link]) => ({
        page,
        link: link!,
      })),
    );
    expect(links.length).toBeGreaterThan(3);
    expect(links.filter(({ page, link }) => !existsSync(join(root, dirname(page), link)))).toEqual([]);
  });
});

describe('ops', () => {
  it.each([...definedOps()])('%s has samples', (_, { definition }) => {
    expect(definition.samples.length).toBeGreaterThan(0);
  });

  it('are all exported', () => {
    const folders = new Set(
      sources.filter((file) => /^src\/ops\/[^/]+\//.test(file)).map((file) => file.split('/')[2]!),
    );
    const exported = new Set(
      imports.get('src/ops/index.ts')!.flatMap((target) => /^\.\/([^/]+)\//.exec(target)?.[1] ?? []),
    );
    expect(folders.size).toBeGreaterThan(10);
    expect(exported).toEqual(folders);
  });
});

describe('the package', () => {
  const pack = JSON.parse(read('package.json')) as {
    version: string;
    exports: Record<string, { types: string; default: string }>;
    bin: Record<string, string>;
  };
  const sourceOf = (path: string): string =>
    path.replace(/^(\.\/)?dist\//, 'src/').replace(/(\.d\.ts|\.js)$/, '.ts');

  it('exports what there are sources for', () => {
    const targets = [...Object.values(pack.exports).flatMap(Object.values), ...Object.values(pack.bin)];
    expect(targets.length).toBeGreaterThan(20);
    expect(targets.filter((path) => !existsSync(join(root, sourceOf(path))))).toEqual([]);
    for (const [name, { types, default: code }] of Object.entries(pack.exports)) {
      expect(sourceOf(types), name).toBe(sourceOf(code));
    }
  });

  it('has one version', () => {
    expect(heedVersion).toBe(pack.version);
  });

  it('documents every export of its entry', () => {
    expect(undocumentedExports('src/index.ts')).toEqual([]);
  });
});

describe('docs/experiment.schema.json', () => {
  const written = (): unknown => JSON.parse(read('docs/experiment.schema.json'));

  it('is current: npm run build && node scripts/write-schema.mjs', () => {
    expect(written()).toEqual(JSON.parse(JSON.stringify(experimentJsonSchema())));
  });

  it('accepts the recipes and the experiment of the README, and refuses mistakes', () => {
    const schema = z.fromJSONSchema(written() as Parameters<typeof z.fromJSONSchema>[0]);
    const [, example] = /```yaml\n([\s\S]*?)```/.exec(read('README.md'))!;
    const recipes = projectFiles().filter((file) => /^recipes\/.*\.yaml$/.test(file));
    expect(recipes.length).toBeGreaterThan(0);
    for (const text of [example!, ...recipes.map(read)]) {
      const experiment = parse(text) as { model: object; training: object };
      expect(schema.safeParse(experiment).error, text.slice(0, 80)).toBeUndefined();
      expect(schema.safeParse({ ...experiment, training: { maxSteps: 1.5 } }).success).toBe(false);
      expect(schema.safeParse({ ...experiment, model: { ...experiment.model, dmodel: 3 } }).success).toBe(
        false,
      );
    }
  });
});

it('every folder that the README links to holds something', () => {
  for (const folder of ['examples', 'recipes', 'docs'])
    expect(statSync(join(root, folder)).isDirectory()).toBe(true);
});
