/** Texts for property tests: any UTF-16, lone surrogates and special tokens included. */
import fc from 'fast-check';

const awkward = [
  '<s>',
  '</s>',
  '<unk>',
  '<pad>',
  '</w>',
  '@@ ',
  'Ġ',
  '▁',
  '##',
  '<0x41>',
  '  ',
  '\n',
  '\u00a0',
  'e\u0301',
  '👩‍👧',
  '𠀀',
  '__proto__',
];

/** Any text. */
export const anyText = fc
  .array(
    fc.oneof(
      fc.constantFrom(...awkward),
      fc.string({ unit: 'grapheme', maxLength: 6 }),
      fc.string({ unit: 'grapheme-ascii', maxLength: 6 }),
      fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.join(''));
