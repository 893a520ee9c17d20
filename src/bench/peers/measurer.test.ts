/** Both halves as processes: arguments, JSON lines, and everything that is missing is named, with the reason. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError } from '../../errors.ts';
import { benches } from '../index.ts';
import { chooseWorks } from './index.ts';
import { Interrupted, jsonLinesOf, ProcessMeasurer } from './measurer.ts';
import { findProgram, peerNames } from './programs.ts';
import { works } from './works.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'heed-peers-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const [work] = works as [(typeof works)[number]];
const variant = work.contenders[0]!.variants[0]!;

/** A program that prints its arguments as a figure line, after a line that is none. */
function echo(
  name: string,
  body = 'console.log("log {"); console.log(JSON.stringify({ args: process.argv.slice(2), version: "7" }))',
): string {
  const file = join(folder, name);
  writeFileSync(file, `#!${process.execPath}\n${body}\n`, { mode: 0o755 });
  return file;
}

describe('a process measurer', () => {
  it('starts heed with the arguments of the work and its threads', () => {
    const measurer = new ProcessMeasurer({ heed: [echo('heed'), 'main.js'], lacks: () => undefined, folder });
    expect(measurer.ours(work)).toEqual([
      { version: '7', args: ['main.js', 'bench', ...work.ours, '--threads', '2', '--json'] },
    ]);
  });

  it('starts the script of a peer with an interpreter, and keeps the version that it names', () => {
    // Asked for `-c "import torch"` first, like every Python.
    const measurer = new ProcessMeasurer({
      heed: [],
      lacks: () => undefined,
      folder,
      python: echo('python'),
    });
    const args = [`${folder}/${variant.args[0]}`, ...variant.args.slice(1)];
    expect(measurer.theirs(work, variant)).toEqual([{ version: '7', args }]);
    expect([...measurer.versions]).toEqual([['PyTorch', '7']]);
    expect(measurer.skipped).toEqual([]);
  });

  it('names what is missing, fails or is silent, once, and counts the works', () => {
    const failing = new ProcessMeasurer({
      heed: [echo('failing', 'console.error("TypeError: no matrix\\n  at x"); process.exit(3)')],
      lacks: (need) => `no ${need}`,
      folder,
      python: join(folder, 'no-python'),
    });
    for (const each of works.slice(0, 2)) {
      expect(failing.ours(each)).toBeUndefined();
      expect(failing.theirs(each, each.contenders[0]!.variants[0]!)).toBeUndefined();
    }
    const wasm = works.find(({ needs }) => needs === 'wasm')!;
    failing.ours(wasm);
    expect(failing.skipped).toEqual([
      { name: works[0]!.name, reason: 'TypeError: no matrix', works: [works[0]!.name] },
      {
        name: 'PyTorch',
        reason: expect.stringMatching(/no-python: .*ENOENT/),
        works: [works[0]!.name, works[1]!.name],
      },
      { name: works[1]!.name, reason: 'TypeError: no matrix', works: [works[1]!.name] },
      { name: wasm.name, reason: 'no wasm', works: [wasm.name] },
    ]);
    const silent = new ProcessMeasurer({ heed: [echo('silent', '')], lacks: () => undefined, folder });
    expect(silent.ours(work)).toBeUndefined();
    expect(silent.skipped[0]!.reason).toBe('it printed no figures');
  });

  it('counts what fails in some rounds apart from what has no figures', () => {
    const flag = join(folder, 'second');
    const python = echo(
      'sometimes',
      `const fs = require('node:fs');
      if (process.argv[2] === '-c') process.exit(0);
      if (fs.existsSync(${JSON.stringify(flag)})) { console.error('MemoryError'); process.exit(1); }
      fs.writeFileSync(${JSON.stringify(flag)}, '');
      console.log('{"speed":1}');`,
    );
    const measurer = new ProcessMeasurer({ heed: [], lacks: () => undefined, folder, python });
    expect(measurer.theirs(work, variant)).toEqual([{ speed: 1 }]);
    expect(measurer.theirs(work, variant)).toBeUndefined();
    expect(measurer.theirs(works[1]!, variant)).toBeUndefined();
    const failure = { name: `PyTorch ${variant.name}`, reason: 'MemoryError' };
    expect(measurer.failed).toEqual([{ ...failure, works: [work.name] }]);
    expect(measurer.skipped).toEqual([{ ...failure, works: [works[1]!.name] }]);
  });

  it('ends with the process that Ctrl-C ends', () => {
    const heed = [echo('ended', "process.kill(process.pid, 'SIGINT'); setTimeout(() => {}, 10_000);")];
    const measurer = new ProcessMeasurer({ heed, lacks: () => undefined, folder });
    expect(() => measurer.ours(work)).toThrow(Interrupted);
  });

  it('finds no peer in an empty folder, and says of each why', () => {
    for (const peer of peerNames.filter((name) => !['OpenBLAS', 'oneDNN'].includes(name)))
      expect(findProgram(peer, { folder }), peer).toEqual({ missing: expect.stringMatching(/.{10}/) });
    expect(findProgram('OpenBLAS', { folder: join(folder, 'none') })).toEqual({
      missing: expect.stringContaining('in a checkout'),
    });
  });
});

it('JSON lines are found among other output', () => {
  expect(jsonLinesOf('note\n{"a":1}\n{broken\n[1]\n{"b":"x"}\n')).toEqual([{ a: 1 }, { b: 'x' }]);
});

describe('the table of works', () => {
  it('has names of its own, goals for contenders that it lists, and benchmarks that exist', () => {
    expect(new Set(works.map(({ name }) => name)).size).toBe(works.length);
    for (const { name, ours, contenders, figures } of works) {
      expect([...benches.keys()], name).toContain(ours[0]);
      const known = contenders.map((contender) => contender.name);
      for (const { goals } of figures)
        expect(known, name).toEqual(expect.arrayContaining(Object.keys(goals)));
      for (const { variants } of contenders)
        for (const { peer } of variants) expect(peerNames).toContain(peer);
    }
  });

  it('is chosen from by a name or a beginning', () => {
    expect(chooseWorks('train-tiny').map(({ name }) => name)).toEqual(['train-tiny']);
    expect(chooseWorks('train').map(({ name }) => name)).toEqual(
      works.map(({ name }) => name).filter((name) => name.startsWith('train')),
    );
    expect(chooseWorks(undefined)).toBe(works);
    expect(() => chooseWorks('trian-tiny')).toThrow(ConfigError);
    expect(() => chooseWorks('trian-tiny')).toThrow('did you mean "train-tiny"');
  });
});
