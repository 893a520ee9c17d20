/** Writes docs/experiment.schema.json from the schema that validates experiments. Needs dist/: npm run build. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { experimentJsonSchema } from 'heed/train';

const root = fileURLToPath(new URL('..', import.meta.url));
const file = 'docs/experiment.schema.json';
writeFileSync(`${root}/${file}`, `${JSON.stringify(experimentJsonSchema(), null, 2)}\n`);
const biome = fileURLToPath(new URL('../node_modules/@biomejs/biome/bin/biome', import.meta.url));
spawnSync(process.execPath, [biome, 'format', '--write', file], { cwd: root, stdio: 'inherit' });
