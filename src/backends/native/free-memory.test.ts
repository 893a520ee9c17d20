/** Requests beyond what the system has are refused before the system ends the process for them. */
import { describe, expect, it, test } from 'vitest';
import { needDevice } from '../../../tests/support/devices.ts';
import { OutOfMemoryError } from '../../errors.ts';
import '../register.ts';
import { getDevice } from '../../core/device.ts';
import { freeMemory, withinFreeMemory } from './free-memory.ts';

const machine = (files: Readonly<Record<string, string>>) => (path: string) => files[path];
const meminfo =
  'MemTotal:  900 kB\nMemFree:  1 kB\nMemAvailable:   500 kB\nSwapTotal: 200 kB\nSwapFree:   100 kB\n';
const group = (folder: string, limit: string) => ({
  [`${folder}/memory.max`]: `${limit}\n`,
  [`${folder}/memory.current`]: '300000\n',
  [`${folder}/memory.stat`]: 'anon 250000\nfile 40000\ninactive_file 30000\nactive_file 10000\n',
});

describe('what is left', () => {
  it('is what Linux can give without touching other programs, and what it can swap', () => {
    expect(freeMemory(machine({ '/proc/meminfo': meminfo }))).toBe(600 * 1024);
  });

  it('is what the tightest control group leaves, the files that it keeps for speed not counted', () => {
    const files = {
      '/proc/meminfo': meminfo,
      '/proc/self/cgroup': '0::/a/b\n',
      ...group('/sys/fs/cgroup', 'max'),
      ...group('/sys/fs/cgroup/a', '400000'),
      ...group('/sys/fs/cgroup/a/b', 'max'),
    };
    expect(freeMemory(machine(files))).toBe(400_000 - 300_000 + 40_000);
  });

  it('has no limit where the system says none', () => {
    expect(freeMemory(machine({}))).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('an allocator within it', () => {
  it('refuses what is not there, and looks again for each eighth that it has given', () => {
    let [left, looks] = [800, 0];
    const allocate = withinFreeMemory(
      (bytes) => {
        left -= bytes;
        return bytes;
      },
      () => {
        looks++;
        return left;
      },
    );
    for (let i = 0; i < 10; i++) allocate(10);
    expect(looks).toBe(1);
    expect(() => allocate(701)).toThrow('the system has 700 bytes left');
    expect(allocate(700)).toBe(700);
    expect(() => allocate(1)).toThrow('0 bytes left');
  });
});

test('a tensor larger than what this machine has left is an error of its own', (context) => {
  needDevice(context, 'native');
  const left = freeMemory();
  if (left === Number.POSITIVE_INFINITY) return context.skip('this system does not say what it has left');
  const allocate = () => getDevice('native').allocate('float32', Math.ceil(left / 2));
  expect(allocate).toThrow(OutOfMemoryError);
  expect(allocate).toThrow(
    expect.objectContaining({
      cause: expect.objectContaining({ message: expect.stringMatching(/bytes left$/) }),
    }),
  );
});
