import { describe, expect, it } from 'vitest';
import { DataError } from '../errors.ts';
import { parseJsonLines, toTable } from './json-lines.ts';

const values = (text: string) => parseJsonLines(text, 'metrics.jsonl').map(({ value }) => value);

function failure(run: () => unknown): DataError {
  try {
    run();
  } catch (error) {
    if (error instanceof DataError) return error;
  }
  throw new Error('expected a DataError');
}

describe('lines', () => {
  it('leaves out a last line that was cut off at any byte', () => {
    const whole = '{"step":1}\n{"step":2}\n';
    for (let length = 0; length < whole.length; length++) {
      const complete = length < 10 ? [] : length < 21 ? [{ step: 1 }] : [{ step: 1 }, { step: 2 }];
      expect(values(whole.slice(0, length))).toEqual(complete);
    }
  });

  it('takes CRLF, empty lines, and zero bytes after the last line of a lost machine', () => {
    expect(values('{"step":1}\r\n\r\n{"step":2}\n\0\0\0')).toEqual([{ step: 1 }, { step: 2 }]);
  });

  it.each(['{"step":1}\n{"st\n{"step":3}\n', '{"step":1}\n7\n{"step":3}\n', '{"step":1}\n{"step":}\n'])(
    'names file and line of a malformed line: %j',
    (text) => {
      const error = failure(() => values(text));
      expect(error).toMatchObject({ code: 'E_DATA', file: 'metrics.jsonl', line: 2 });
      expect(error.message).toMatch(/^metrics\.jsonl:2: expected .*, got .*; hint: /);
    },
  );
});

describe('columns', () => {
  it('keeps numbers to the last digit and leaves null for what is missing or not finite', () => {
    const text =
      '{"kind":"train","step":1,"loss":0.1}\n{"step":2,"per":12.300000000000001,"loss":1e999}\n{"step":3,"loss":null}\n';
    const table = toTable(parseJsonLines(text, 'm'), true);
    expect(table.length).toBe(3);
    expect(Object.fromEntries(table.columns)).toEqual({
      step: [1, 2, 3],
      loss: [0.1, null, null],
      per: [null, 12.300000000000001, null],
    });
  });

  it('asks for a step where the row stands on one', () => {
    const rows = parseJsonLines('{"step":1}\n{"loss":2}\n', 'm');
    expect(failure(() => toTable(rows, true)).message).toBe(
      'm:2 .step: expected a number, got nothing; hint: the trainer writes this file; remove or repair it',
    );
    expect(toTable(rows, false).length).toBe(2);
  });
});
