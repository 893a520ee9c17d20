/**
 * Where does each output token look? Captures the cross-attention of a trained model and draws it as text:
 * `node examples/03-look-inside.ts runs/pronounce attention`.
 */
import { capture, loadModel, noGrad, scope } from 'heed';

const [folder = 'runs/pronounce', word = 'attention'] = process.argv.slice(2);
const { model, translator } = await loadModel(folder);
const { source, target } = translator.tokenizers;
const { text } = translator.translate([word])[0]!;

const sourceIds = source.encode(word, { addEos: true });
const targetIds = target.encode(text, { addBos: true });
const row = (ids: readonly number[]) => ({ ids: Int32Array.from(ids), lengths: [ids.length] });

// Any intermediate of any layer has a name; * stands for one part of it.
const { tensors } = noGrad(() =>
  scope(() =>
    capture(model, ['decoder.layers.*.crossAttention.weights'], () => {
      model.forwardPacked(row(sourceIds), row(targetIds)).dispose();
    }),
  ),
);

const shades = ' ░▒▓█';
for (const [name, { data, shape }] of tensors) {
  const [, heads, queries, keys] = shape as [number, number, number, number];
  console.log(`\n${name}: ${heads} heads, mean of them`);
  console.log(`${' '.repeat(8)} ${sourceIds.map((id) => source.token(id).slice(0, 1)).join(' ')}`);
  for (let t = 0; t < queries; t++) {
    const weights = Array.from({ length: keys }, (_, s) => {
      let total = 0;
      for (let h = 0; h < heads; h++) total += data[(h * queries + t) * keys + s]!;
      return total / heads;
    });
    const said = t + 1 < queries ? target.token(targetIds[t + 1]!) : '</s>';
    const cells = weights.map((weight) => shades[Math.min(4, Math.floor(5 * weight))]);
    const top = weights.indexOf(Math.max(...weights));
    console.log(
      `${said.padStart(8)} ${cells.join(' ')}   most at ${source.token(sourceIds[top]!)} (${top + 1})`,
    );
  }
}
