import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../tests/support/tiny-run.ts';
import { MetricLog } from './metric-log.ts';

const text = (folder: string, name = 'metrics.jsonl'): string => readFileSync(join(folder, name), 'utf8');

function twoSteps(folder: string): MetricLog {
  const log = new MetricLog(folder);
  log.write({ step: 1, loss: 2 });
  log.writeTiming({ step: 1, seconds: 0.5 });
  return log;
}

test('a line is one JSON object; seven digits of a fraction, all digits of a whole number', () => {
  const folder = temporaryFolder();
  const log = new MetricLog(folder);
  log.write({ kind: 'train', step: 123456789, loss: 1 / 3, rate: 1.23456789e-9, best: null });
  log.close();
  expect(text(folder)).toBe(
    '{"kind":"train","step":123456789,"loss":0.3333333,"rate":1.234568e-9,"best":null}\n',
  );
});

test('a resumed log is cut where the checkpoint stood, half-written lines included', () => {
  const folder = temporaryFolder();
  const log = twoSteps(folder);
  const from = { step: 1, bytes: log.bytes };
  log.write({ step: 2, loss: 1 });
  log.writeTiming({ step: 2, seconds: 1 });
  log.close();
  appendFileSync(join(folder, 'metrics.jsonl'), '{"step":3,"lo');
  appendFileSync(join(folder, 'timing.jsonl'), '{"step":3,"sec');
  const resumed = new MetricLog(folder, from);
  resumed.write({ step: 2, loss: 0.5 });
  resumed.writeTiming({ step: 2, seconds: 9 });
  resumed.close();
  expect(text(folder)).toBe('{"step":1,"loss":2}\n{"step":2,"loss":0.5}\n');
  expect(text(folder, 'timing.jsonl')).toBe('{"step":1,"seconds":0.5}\n{"step":2,"seconds":9}\n');
});

test('a whole last line without its newline is not taken for a line', () => {
  const folder = temporaryFolder();
  const log = twoSteps(folder);
  log.close();
  writeFileSync(join(folder, 'timing.jsonl'), '{"step":1,"seconds":0.5}');
  const resumed = new MetricLog(folder, { step: 1, bytes: log.bytes });
  resumed.writeTiming({ step: 2, seconds: 1 });
  resumed.close();
  expect(text(folder, 'timing.jsonl')).toBe('{"step":2,"seconds":1}\n');
});

test('a log that was shortened by hand is not filled up with zeros', () => {
  const folder = temporaryFolder();
  const log = twoSteps(folder);
  log.close();
  writeFileSync(join(folder, 'metrics.jsonl'), '');
  const resumed = new MetricLog(folder, { step: 1, bytes: log.bytes });
  resumed.write({ step: 2, loss: 1 });
  expect(resumed.bytes).toBe(20);
  resumed.close();
  expect(text(folder)).toBe('{"step":2,"loss":1}\n');
});

test('a new run starts with empty logs', () => {
  const folder = temporaryFolder();
  twoSteps(folder).close();
  new MetricLog(folder).close();
  expect([text(folder), text(folder, 'timing.jsonl')]).toEqual(['', '']);
});
