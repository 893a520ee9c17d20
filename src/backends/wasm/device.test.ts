import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { freshKernels } from '../../../tests/support/wasm-kernels.ts';
import type { Device } from '../../core/device.ts';
import { createWasmDevice } from './index.ts';
import { loadWasm } from './load.ts';

const page = 65536;
const small = (pages: number): Device => createWasmDevice(freshKernels('plain', pages), 'small');

afterEach(() => {
  vi.unstubAllEnvs();
  vi.resetModules();
});

describe('memory', () => {
  test('what was freed for one size makes room for another', () => {
    const device = small(100);
    for (const pages of [60, 70, 40, 80]) {
      const array = device.allocate('float32', (pages * page) / 4);
      expect(array.fill(pages).every((value) => value === pages)).toBe(true);
      device.release(array);
    }
    expect(device.memory()).toMatchObject({ liveBytes: 0, liveBuffers: 0 });
  });

  test('out of memory says how much was asked for, and the device lives on', () => {
    const device = small(100);
    const held = device.allocate('float32', (48 * page) / 4);
    let thrown: unknown;
    try {
      device.allocate('float32', (64 * page) / 4);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({
      code: 'E_OUT_OF_MEMORY',
      message: expect.stringContaining(
        'out of memory: no room for a tensor of 4,194,304 bytes (4.0 MiB) beside 3,145,728 bytes (3.0 MiB) in use',
      ),
    });
    device.release(held);
    expect(device.allocate('float32', (64 * page) / 4)).toHaveLength((64 * page) / 4);
  });

  test('an array that nobody can reach comes back', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const device = small(100);
    const lose = (): void => void device.allocate('float32', 1000);
    for (let n = 0; n < 10; n++) lose();
    const held = device.allocate('float32', 1000);
    await vi.waitFor(() => {
      collect();
      expect(device.memory().liveBuffers).toBe(1);
    });
    device.release(held);
    collect();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(device.memory()).toMatchObject({ liveBuffers: 0, liveBytes: 0 });
  });
});

describe('the device, by the environment', () => {
  const devices = async (env: Record<string, string>) => {
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
    vi.resetModules();
    return import('../../index.ts');
  };

  test('is wasm by default without native kernels, and reference without both', async () => {
    const one = await devices({ HEED_NATIVE: 'off' });
    expect(one.deviceNames()).toEqual(['native', 'wasm', 'reference']);
    expect(one.defaultDevice().name).toBe('wasm');
    const none = await devices({ HEED_WASM: 'off' });
    expect(none.defaultDevice().name).toBe('reference');
    expect(none.whyUnavailable('wasm')).toBe('switched off by HEED_WASM=off');
  });

  test('is the build without relaxed SIMD by HEED_WASM=plain; other values are refused', async () => {
    const { getDevice } = await devices({ HEED_WASM: 'plain' });
    expect(getDevice('wasm').describe()).toBe('float32 C kernels in WebAssembly, SIMD');
    const misspelt = await devices({ HEED_WASM: 'plane' });
    const { ConfigError } = await import('../../errors.ts');
    const open = () => misspelt.getDevice('wasm');
    expect(open).toThrow(ConfigError);
    expect(open).toThrow(
      'HEED_WASM: expected a known setting, got "plane"; hint: did you mean "plain"? one of off, plain',
    );
  });
});

test('the fastest build that the runtime takes is loaded', () => {
  const loaded = loadWasm();
  expect(loaded).toMatchObject({ build: 'relaxed' });
});
