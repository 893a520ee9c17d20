/** Reads the kernels' module from the package and decides which build this runtime can run. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { ConfigError, suggest } from '../../errors.ts';
import { instantiateKernels, type WasmKernels } from './kernels.ts';
import { WebAssembly } from './webassembly.ts';

/** A build of the kernels: `relaxed` has a fused multiply-add. */
export type WasmBuild = 'plain' | 'relaxed';

const files = { plain: 'heed.wasm', relaxed: 'heed-relaxed.wasm' } as const;

/** The bytes of a build. From src/backends/wasm as from dist/backends/wasm, the package's root is three folders up. */
export function readBuild(build: WasmBuild): Uint8Array {
  return readFileSync(fileURLToPath(new URL(`../../../wasm/${files[build]}`, import.meta.url)));
}

/** Whether this runtime takes a build. Node 20 knows relaxed SIMD behind a flag, which is set here. */
export function canRun(bytes: Uint8Array, build: WasmBuild): boolean {
  if (WebAssembly.validate(bytes)) return true;
  if (build === 'plain') return false;
  setFlagsFromString('--experimental-wasm-relaxed-simd');
  return WebAssembly.validate(bytes);
}

/** Loaded kernels and the build that they are, or why there are none. */
export type LoadedWasm =
  | { readonly kernels: WasmKernels; readonly build: WasmBuild }
  | { readonly unavailable: string };

/**
 * The builds to try, the fastest first; none where `HEED_WASM` switches the device off.
 *
 * @throws {ConfigError} when HEED_WASM is neither `off` nor `plain`
 */
function wantedBuilds(): readonly WasmBuild[] {
  const wanted = process.env.HEED_WASM;
  if (wanted === undefined) return ['relaxed', 'plain'];
  if (wanted === 'plain') return ['plain'];
  if (wanted === 'off') return [];
  throw new ConfigError({
    where: 'HEED_WASM',
    expected: 'a known setting',
    got: JSON.stringify(wanted),
    hint: suggest(wanted, ['off', 'plain']),
  });
}

/**
 * The fastest build that this runtime can run; `HEED_WASM=plain` takes the one without relaxed SIMD, `HEED_WASM=off`
 * none.
 *
 * @throws {ConfigError} for any other value of HEED_WASM
 */
export function loadWasm(): LoadedWasm {
  const builds = wantedBuilds();
  if (builds.length === 0) return { unavailable: 'switched off by HEED_WASM=off' };
  try {
    for (const build of builds) {
      const bytes = readBuild(build);
      if (canRun(bytes, build)) return { kernels: instantiateKernels(new WebAssembly.Module(bytes)), build };
    }
    return { unavailable: 'this runtime has no WebAssembly SIMD' };
  } catch (error) {
    return { unavailable: `wasm/${files.plain} does not load: ${(error as Error).message}` };
  }
}
