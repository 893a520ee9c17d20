/**
 * Loads a trained model and translates: `node examples/02-load-and-translate.ts runs/pronounce attention heed`.
 * `npm start` trains that model.
 */
import { loadModel } from 'heed';

const [folder = 'runs/pronounce', ...words] = process.argv.slice(2);
const model = await loadModel(folder, { onNote: console.error });
const results = await model.translate(words.length > 0 ? words : ['attention'], { beamSize: 4, nBest: 3 });

for (const { source, nBest } of results) {
  console.log(source);
  for (const { text, logProb } of nBest) {
    console.log(`  ${(100 * Math.exp(logProb)).toFixed(1).padStart(5)} %  ${text}`);
  }
}
