/**
 * Builds wasm/heed.wasm and wasm/heed-relaxed.wasm (with fused multiply-add) from the kernels in native/, with clang
 * and wasm-ld. Both are kept in the repository: the same sources and compiler give the same bytes, and
 * wasm/build.json says which ones they were. `--describe` prints that of the sources and the compiler that are here.
 */
import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));
const out = join(root, 'wasm');
const modules = [
  { file: 'heed.wasm', flags: [] },
  { file: 'heed-relaxed.wasm', flags: ['-mrelaxed-simd'] },
];
const flags = [
  ...['--target=wasm32', '-std=gnu11', '-O3', '-ffreestanding', '-fvisibility=hidden', '-ffp-contract=fast'],
  ...['-fno-math-errno', '-fno-trapping-math', '-Wno-pass-failed', '-matomics', '-mbulk-memory', '-msimd128'],
  ...['-mnontrapping-fptoint', '-isystem', 'native/wasm/include', '-DHEED_ISA=base', '-DVL=4'],
];
// 4 GiB is what 32-bit addresses reach; shared, so that views stay valid when the memory grows. The stack comes first:
// when it overflows, the module traps instead of writing into its data.
const linkFlags = [
  ...['--no-entry', '--strip-all', '--stack-first', '-z', 'stack-size=262144', '--import-memory'],
  ...['--shared-memory', '--initial-memory=1048576', '--max-memory=4294967296'],
  '--export=__heap_base',
];

/** Files in a folder of the repository, sorted. */
function filesIn(folder, pattern) {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .filter((entry) => entry.isFile() && pattern.test(entry.name))
    .map((entry) => `${folder}/${entry.name}`)
    .sort();
}

const sources = [
  ...['native/block.c', 'native/cpu.c', 'native/kernels.c', 'native/wasm/module.c'],
  ...filesIn('native/kernels', /\.c$/),
];

/** One hash of everything that decides what the modules compute: sources, headers, flags. */
function hashSources() {
  const headers = [
    ...['native/heed.h', 'native/kernels.def'],
    ...filesIn('native/kernels', /(?<!_avx\d+)\.h$/),
    ...filesIn('native/wasm/include', /\.h$/),
  ];
  const hash = createHash('sha256').update(JSON.stringify({ modules, flags, linkFlags }));
  for (const file of [...sources, ...headers]) hash.update(file).update(readFileSync(join(root, file)));
  return hash.digest('hex');
}

/** clang and the linker of its version, the newest that is installed; undefined without them. */
function findClang() {
  const answers = (program) => {
    try {
      return execFileSync(program, ['--version'], { encoding: 'utf8', stdio: 'pipe' });
    } catch {
      return undefined;
    }
  };
  const versions = Array.from({ length: 10 }, (_, index) => `-${23 - index}`);
  for (const suffix of [...versions, '']) {
    const [compiler, linker] = [`clang${suffix}`, `wasm-ld${suffix}`];
    const text = answers(compiler);
    if (text && answers(linker)) return { compiler, linker, version: /version (\S+)/.exec(text)?.[1] };
  }
  return undefined;
}

/** In two steps: a single one would have clang call whatever wasm-opt is installed, which may not know relaxed SIMD. */
async function buildModule(tools, { file, flags: extra }, folder) {
  const units = sources.map((source) => ({
    source,
    object: join(folder, `${source.replaceAll('/', '-')}.o`),
  }));
  const waiting = [...units];
  const worker = async () => {
    for (let unit = waiting.pop(); unit; unit = waiting.pop()) {
      await run(tools.compiler, [...flags, ...extra, '-c', unit.source, '-o', unit.object], { cwd: root });
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  await run(tools.linker, [...linkFlags, '-o', join(folder, file), ...units.map(({ object }) => object)]);
  chmodSync(join(folder, file), 0o644); // the linker takes it for a program
}

async function build() {
  const tools = findClang();
  if (!tools) {
    throw new Error('no clang with wasm-ld found: install them (Debian: clang-19 lld-19) and run this again');
  }
  const fresh = mkdtempSync(join(tmpdir(), 'heed-wasm-'));
  try {
    for (const module of modules) await buildModule(tools, module, fresh);
    mkdirSync(out, { recursive: true });
    for (const { file } of modules) copyFileSync(join(fresh, file), join(out, file));
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  writeFileSync(join(out, 'build.json'), describe(tools));
}

function describe(tools) {
  return `${JSON.stringify({ clang: tools?.version ?? null, sources: hashSources() }, null, 2)}\n`;
}

try {
  if (process.argv[2] === '--describe') process.stdout.write(describe(findClang()));
  else await build();
} catch (error) {
  const text = String(error.stderr || error.message).trim();
  const line = text.split('\n').find((each) => each.includes('error')) ?? text;
  process.stderr.write(`heed: build-wasm: ${line}\n`);
  process.exitCode = 1;
}
