/** Scores two systems against references: is B better than A, or was it lucky? */
import { bleu, bleuStatistics, bootstrapInterval, chrf, errorRate, pairedBootstrap } from 'heed';

const references = [
  ['the cat sat on the mat', 'there was a cat on the mat'],
  ['he reads a long book in the garden'],
  ['two dogs are running through the snow'],
  ['a woman is playing the violin on the street'],
];
const a = [
  'the cat is on the mat',
  'he is reading a long book in a garden',
  'two dogs run in the snow',
  'a woman plays violin on a street',
];
const b = [
  'the cat sat on the mat',
  'he reads a long book in a garden',
  'two dogs are running in the snow',
  'a woman is playing the violin on a street',
];

for (const [name, hypotheses] of Object.entries({ A: a, B: b })) {
  const { low, high } = bootstrapInterval(bleuStatistics(hypotheses, references), { seed: 1 });
  const scores = [
    `BLEU ${bleu(hypotheses, references).score.toFixed(2)} (95 %: ${low.toFixed(1)} to ${high.toFixed(1)})`,
    `chrF ${chrf(hypotheses, references).score.toFixed(2)}`,
    `WER ${errorRate('word', hypotheses, references).score.toFixed(2)} %`,
  ];
  console.log(`${name}: ${scores.join(', ')}`);
}

const { difference, pValue } = pairedBootstrap(bleuStatistics(b, references), bleuStatistics(a, references), {
  seed: 1,
});
console.log(
  `B is ${difference.toFixed(2)} BLEU better, p = ${pValue.toFixed(3)} with ${references.length} sentences`,
);
