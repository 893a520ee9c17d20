/**
 * Builds the native backend, build/heed.node, with the system's C compiler. Runs at install, so it never fails it:
 * without a compiler it says so in one line and heed runs the same kernels as WebAssembly.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));
const source = join(root, 'native');
const out = join(root, 'build');
const objects = join(out, `objects-${process.pid}`); // two builds at once do not mix
const target = join(out, 'heed.node');
const stamp = join(out, 'heed.node.hash');

const flags = [
  ...['-std=gnu11', '-O3', '-fPIC', '-fvisibility=hidden', '-pthread', '-ffp-contract=fast'],
  ...['-fno-math-errno', '-fno-trapping-math', '-fno-semantic-interposition'],
  ...(process.env.CFLAGS ?? '').split(/\s+/).filter(Boolean),
];
const isX86 = process.arch === 'x64';
/** Every kernel is compiled once for each of these. */
const instructionSets = [
  ...(isX86
    ? [
        {
          name: 'avx512',
          lanes: 16,
          flags: [
            ...['-mavx512f', '-mavx512vl', '-mavx512bw', '-mavx512dq', '-mfma'],
            '-mprefer-vector-width=512',
          ],
        },
        { name: 'avx2', lanes: 8, flags: ['-mavx2', '-mfma'] },
      ]
    : []),
  { name: 'base', lanes: 4, flags: [] },
];

function say(text) {
  process.stderr.write(`heed: ${text}\n`);
}

function listSources(folder) {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.c'))
    .map((name) => join(folder, name));
}

function hashSources(compiler, include) {
  const hash = createHash('sha256');
  hash.update([compiler, include, process.arch, process.platform, ...flags].join('\n'));
  const files = [source, join(source, 'kernels')].flatMap((folder) =>
    readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(folder, entry.name)),
  );
  for (const file of [fileURLToPath(import.meta.url), ...files.sort()]) hash.update(readFileSync(file));
  return hash.digest('hex');
}

async function findCompiler() {
  for (const name of [process.env.CC, 'cc', 'gcc', 'clang']) {
    if (!name) continue;
    const works = await run(name, ['--version']).then(
      () => true,
      () => false,
    );
    if (works) return name;
  }
  return undefined;
}

/** The folder with node_api.h: the npm package, Node's own, or the one that node-gyp keeps. */
function findInclude() {
  const candidates = [];
  try {
    const manifest = createRequire(import.meta.url).resolve('node-api-headers/package.json');
    candidates.push(join(dirname(manifest), 'include'));
  } catch {
    // Not installed: it is a development dependency.
  }
  const prefix = resolve(dirname(process.execPath), '..');
  candidates.push(join(prefix, 'include', 'node'), '/usr/include/node', '/usr/include/nodejs/src');
  candidates.push(join(homedir(), '.cache', 'node-gyp', process.versions.node, 'include', 'node'));
  return candidates.find((folder) => existsSync(join(folder, 'node_api.h')));
}

/** One entry per object file: its name and the compiler's arguments. */
function compileUnits(include) {
  const withX86 = isX86 ? ['-DHEED_WITH_X86'] : [];
  const shared = listSources(source).map((file) => ({
    file,
    tag: 'shared',
    extra: [`-I${include}`, ...withX86],
  }));
  const kernels = instructionSets.flatMap((isa) =>
    listSources(join(source, 'kernels')).map((file) => ({
      file,
      tag: isa.name,
      extra: [`-DHEED_ISA=${isa.name}`, `-DVL=${isa.lanes}`, ...isa.flags],
    })),
  );
  return [...shared, ...kernels].map(({ file, tag, extra }) => {
    const object = join(objects, `${tag}-${file.split(/[\\/]/).pop()}.o`);
    return { object, args: [...flags, ...extra, '-c', file, '-o', object] };
  });
}

async function compileAll(compiler, units) {
  const waiting = [...units];
  const worker = async () => {
    for (let unit = waiting.pop(); unit; unit = waiting.pop()) await run(compiler, unit.args);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
}

async function link(compiler, units) {
  const inputs = units.map((unit) => unit.object);
  const shape = process.platform === 'darwin' ? ['-bundle', '-undefined', 'dynamic_lookup'] : ['-shared'];
  const libraries = process.platform === 'darwin' ? [] : ['-lm', '-ldl'];
  const fresh = `${target}.${process.pid}`;
  await run(compiler, [...shape, '-pthread', '-o', fresh, ...inputs, ...libraries]);
  renameSync(fresh, target); // never half a file, even where one is loaded
}

async function build() {
  if (process.env.HEED_NATIVE === 'off') {
    return say('HEED_NATIVE=off: the native backend is not built; using the wasm backend (slower).');
  }
  const compiler = await findCompiler();
  if (!compiler) {
    return say(
      'no C compiler found: using the wasm backend (slower). Install gcc or clang and run npm rebuild.',
    );
  }
  const include = findInclude();
  if (!include) {
    return say(
      'no Node-API headers found: using the wasm backend (slower). Run npm install node-api-headers, then npm rebuild.',
    );
  }
  const hash = hashSources(compiler, include);
  if (existsSync(target) && existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return;
  mkdirSync(objects, { recursive: true });
  const units = compileUnits(include);
  await compileAll(compiler, units);
  await link(compiler, units);
  writeFileSync(stamp, hash);
}

try {
  await build();
} catch (error) {
  rmSync(target, { force: true }); // an older one would not fit the sources
  const reason = String(error.stderr || error.message)
    .split('\n')
    .find((line) => /error/i.test(line));
  say(
    `the native backend did not build (${(reason ?? 'unknown reason').trim()}): using the wasm backend (slower).`,
  );
} finally {
  rmSync(objects, { recursive: true, force: true });
}
