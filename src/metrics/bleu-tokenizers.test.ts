import { describe, expect, test } from 'vitest';
import { tokenizeForBleu } from './bleu-tokenizers.ts';

describe('13a', () => {
  test.each([
    ['Hello, "world".', 'Hello , " world " .'],
    ['3.14 and 1,000 and 5-6 and a-b', '3.14 and 1,000 and 5 - 6 and a-b'],
    ['.5 5. a.b', '. 5 5 . a . b'],
    ["don't (stop)!", "don't ( stop ) !"],
    ['&amp;lt;<skipped>x-\ny\nz', '< xy z'],
    ['“q”…', '“q”…'],
    ['', ''],
  ])('%j', (text, expected) => {
    expect(tokenizeForBleu(text).join(' ')).toBe(expected);
  });
});

describe('zh', () => {
  test.each([
    ['我有3.5个apple。', '我 有 3.5 个 apple 。'],
    [' .5', '.5'],
    ['“q”→…', '“ q ” → …'],
    // an ideograph of the second plane stays where it is
    ['𠀀a', '𠀀a'],
  ])('%j', (text, expected) => {
    expect(tokenizeForBleu(text, 'zh').join(' ')).toBe(expected);
  });
});

test('intl follows Unicode classes, and digits hold their punctuation', () => {
  const tokens = tokenizeForBleu('le «3,5» €7 it’s ٣٫٥', 'intl');
  expect(tokens.join(' ')).toBe('le « 3,5 » € 7 it ’ s ٣٫٥');
  // with nothing before it and a digit after it, no rule reaches the first sign
  expect(tokenizeForBleu('«3', 'intl')).toEqual(['«3']);
});

test('char cuts at code points', () => {
  expect(tokenizeForBleu('a 👍é', 'char')).toEqual(['a', '👍', 'é']);
});

test('white space is what Python takes for it', () => {
  const text = 'a\u001cb\u0085c\u3000d\ufeffe';
  expect(tokenizeForBleu(text, 'none')).toEqual(['a', 'b', 'c', 'd\ufeffe']);
});
