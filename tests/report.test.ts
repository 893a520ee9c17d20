/** The report page in a browser: what it shows is read back from the picture and compared with the run's files. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, describe, expect, it, type TestContext, vi } from 'vitest';
import { main } from '../src/cli/main.ts';
import { writeReport } from '../src/report/index.ts';
import { samples, writeRunFolder } from './fixtures/run-folder.ts';

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const QUIET =
  '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync';

const root = mkdtempSync(join(tmpdir(), 'heed-report-'));
const runFolder = join(root, 'run');
writeRunFolder(runFolder);

let browser: Browser | undefined;

afterAll(async () => {
  await browser?.close();
  rmSync(root, { recursive: true });
});

/** The page in a browser without a network, and everything that it complained about or asked for. */
async function open(context: TestContext, options: BrowserContextOptions = {}, dir = runFolder) {
  if (!existsSync(executablePath)) context.skip(`no browser at ${executablePath} (set CHROMIUM)`);
  browser ??= await chromium.launch({ executablePath, args: QUIET.split(' ') });
  const url = pathToFileURL(await writeReport(dir)).href;
  const tab = await browser.newContext({ viewport: { width: 1280, height: 900 }, offline: true, ...options });
  context.onTestFinished(() => tab.close());
  const page = await tab.newPage();
  const events: string[] = [];
  page.on('console', (message) => events.push(message.text()));
  page.on('pageerror', (error) => events.push(error.message));
  page.on('request', (request) => request.url() !== url && events.push(request.url()));
  await page.goto(url);
  return { page, events };
}

type Row = Readonly<Record<string, number>> & { readonly kind?: string };

function rows(file: string): Row[] {
  const lines = readFileSync(join(runFolder, file), 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line));
}

/** The rows that a table of the page stands for. */
function rowsOf(table: string): Row[] {
  if (table === 'timing') return rows('timing.jsonl');
  return rows('metrics.jsonl').filter(({ kind }) => kind === table);
}

interface Label {
  readonly text: string;
  readonly at: number;
}

interface DrawnCurve {
  readonly table: string;
  readonly column: string;
  readonly scale: string;
  readonly xLabels: readonly Label[];
  readonly yLabels: readonly Label[];
  readonly points: readonly (readonly [number, number])[];
}

/** Every curve of a kind on the screen: its points and the centres of its axes' labels, in pixels. */
function drawnCurves(page: Page, kind: 'curve' | 'smooth'): Promise<DrawnCurve[]> {
  return page.evaluate(`[...document.querySelectorAll('.plot path.${kind}')].map((path) => {
    const plot = path.closest('.plot');
    const before = plot.hidden;
    plot.hidden = false;
    const matrix = path.getScreenCTM();
    const labels = (axis) => [...plot.querySelectorAll('.tick.' + axis)].map((tick) => {
      const box = tick.getBoundingClientRect();
      return { text: tick.textContent, at: axis === 'x' ? box.x + box.width / 2 : box.y + box.height / 2 };
    });
    const numbers = path.getAttribute('d').match(/[ML][^ML]+/g) ?? [];
    const points = numbers.map((piece) => {
      const [x, y] = piece.slice(1).split(/[ h]/).map(Number);
      const point = new DOMPoint(x, y).matrixTransform(matrix);
      return [point.x, point.y];
    });
    const curve = { ...path.dataset, scale: plot.dataset.scale, xLabels: labels('x'), yLabels: labels('y'), points };
    plot.hidden = before;
    return curve;
  })`);
}

/** The number that a label of an axis stands for. */
function labelled(text: string): number {
  const [, digits, unit] = /^(?:step )?([-\d.e]+)([kM]?)$/.exec(text)!;
  return Number(digits) * { '': 1, k: 1e3, M: 1e6 }[unit as '' | 'k' | 'M'];
}

/** From a value to its pixel, by the first and the last label of the axis: what a reader does by eye. */
function pixelOf(labels: readonly Label[], scale: string): (value: number) => number {
  const f = scale === 'log' ? Math.log : (x: number) => x;
  const [a, b] = [labels[0]!, labels.at(-1)!];
  const [low, high] = [f(labelled(a.text)), f(labelled(b.text))];
  return (value) => a.at + ((f(value) - low) / (high - low)) * (b.at - a.at);
}

describe('curves', () => {
  it('put every row of metrics.jsonl and timing.jsonl within a pixel of its place on the axes', async (context) => {
    const { page } = await open(context);
    const curves = await drawnCurves(page, 'curve');
    const linear = curves
      .filter(({ scale }) => scale === 'linear')
      .map(({ table, column }) => `${table}.${column}`);
    expect(linear).toEqual(
      'train.loss train.nll validation.loss validation.per validation.wer validation.perplexity train.learningRate train.gradNorm timing.tokensPerSecond'.split(
        ' ',
      ),
    );
    expect(curves.filter(({ scale }) => scale === 'log')).toHaveLength(linear.length);
    for (const { table, column, scale, xLabels, yLabels, points } of curves) {
      const x = pixelOf(xLabels, 'linear');
      const y = pixelOf(yLabels, scale);
      const expected = rowsOf(table);
      expect(points).toHaveLength(expected.length);
      const off = points.map(([px, py], i) =>
        Math.max(Math.abs(px - x(expected[i]!.step!)), Math.abs(py - y(expected[i]![column]!))),
      );
      expect(Math.max(...off), `${table}.${column} ${scale}`).toBeLessThan(1);
    }
  });

  it('smooth by the moving average without the bias of its start', async (context) => {
    const { page } = await open(context);
    await page.locator('#smoothing').fill('0.8');
    const curve = (await drawnCurves(page, 'smooth')).find(
      (c) => c.column === 'loss' && c.scale === 'linear',
    )!;
    const y = pixelOf(curve.yLabels, 'linear');
    const values = rowsOf('train').map(({ loss }) => loss!);
    for (const n of [1, 2, 7, 61, 500]) {
      const weights = Array.from({ length: n }, (_, i) => 0.2 * 0.8 ** (n - 1 - i));
      const mean = weights.reduce((sum, weight, i) => sum + weight * values[i]!, 0) / (1 - 0.8 ** n);
      expect(Math.abs(curve.points[n - 1]![1] - y(mean))).toBeLessThan(1);
    }
    await page.locator('#smoothing').fill('0');
    expect((await drawnCurves(page, 'smooth')).every(({ points }) => points.length === 0)).toBe(true);
  });

  it('change between linear and log', async (context) => {
    const { page } = await open(context);
    const chart = page.locator('.chart[data-metric=loss]');
    const shown = () => chart.locator('.plot:visible').getAttribute('data-scale');
    expect(await shown()).toBe('linear');
    await chart.getByRole('button', { name: 'log scale' }).click();
    expect(await shown()).toBe('log');
    await chart.getByRole('button', { name: 'log scale' }).click();
    expect(await shown()).toBe('linear');
  });

  it('tell exact values under the pointer, in every chart at once', async (context) => {
    const { page } = await open(context);
    const plot = page.locator('.chart[data-metric=loss] .plot:visible');
    const { width } = (await plot.boundingBox())!;
    await plot.hover({ position: { x: 0.5 * width, y: 40 } });
    const row = rowsOf('train').find(({ step }) => step === 2500)!;
    const read = (metric: string) => page.locator(`.chart[data-metric=${metric}] output`).allTextContents();
    const validation = rowsOf('validation').find(({ step }) => step === 2500)!;
    expect(await read('loss')).toEqual([row.loss, row.nll, validation.loss].map(String));
    expect(await read('gradNorm')).toEqual([String(row.gradNorm)]);
    expect(await read('tokensPerSecond')).toEqual([String(rowsOf('timing')[24]!.tokensPerSecond)]);
    await plot.hover({ position: { x: 0.52 * width, y: 40 } });
    const between = await read('loss');
    expect(between[0]).toBe(String(rowsOf('train').find(({ step }) => step === 2600)!.loss));
    expect(between[2]).toBe(`${validation.loss} at 2500`);
    await page.mouse.move(0, 0);
    expect((await read('gradNorm'))[0]).toMatch(/^last /);
  });

  it('tell exact values by keyboard, with the step of a curve that has no row there', async (context) => {
    const { page } = await open(context);
    const plot = page.locator('.chart[data-metric=loss] .plot:visible');
    await plot.focus();
    await page.keyboard.press('Home');
    for (const key of ['ArrowRight', 'ArrowRight', 'ArrowLeft', 'PageUp']) await page.keyboard.press(key);
    const [train, , validation] = await page.locator('.chart[data-metric=loss] output').allTextContents();
    expect(await plot.getAttribute('aria-valuenow')).toBe('120');
    expect(train).toBe(String(rowsOf('train')[11]!.loss));
    expect(validation).toBe(`${rowsOf('validation')[0]!.loss} at 500`);
    expect(await plot.getAttribute('aria-valuetext')).toContain(`step 120: train ${train}`);
    await page.keyboard.press('Escape');
    expect(await page.locator('.crosshair:visible').count()).toBe(0);
  });
});

describe('numbers', () => {
  it('are every row to the last digit', async (context) => {
    const { page } = await open(context);
    for (const name of ['train', 'validation', 'test', 'timing']) {
      const [columns, ...cells] = await page.evaluate<string[][]>(
        `[...document.querySelector('.numbers[data-table=${name}]').rows].map((row) => [...row.cells].map((cell) => cell.textContent.trim()))`,
      );
      const expected = rowsOf(name).map(({ kind: _, ...row }) => row);
      const read = cells.map((row) => Object.fromEntries(row.map((cell, i) => [columns![i], Number(cell)])));
      expect(read).toEqual(expected);
    }
  });
});

describe('samples', () => {
  const given = samples(15);
  const weightsOf = (page: Page, sample: number) =>
    page.evaluate<{ exact: number[]; text: number[] }[]>(
      `[...document.querySelector('.heat[data-sample="${sample}"] tbody').rows].map((row) => {
        const cells = [...row.querySelectorAll('td')];
        return { exact: cells.map((cell) => Number(cell.dataset.weight)), text: cells.map((cell) => Number(cell.textContent)) };
      })`,
    );

  it('show the alignment exactly, with rows that sum to 1', async (context) => {
    const { page } = await open(context);
    for (const [i, { alignment }] of given.entries()) {
      const shown = await weightsOf(page, i);
      expect(shown.map(({ exact }) => exact)).toEqual(alignment);
      for (const { exact, text } of shown) {
        expect(exact.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 12);
        expect(Math.max(...exact.map((weight, s) => Math.abs(weight - text[s]!)))).toBeLessThanOrEqual(
          0.0005,
        );
      }
    }
  });

  it('shade a cell the darker the larger its weight', async (context) => {
    const { page } = await open(context);
    const cells = await page.evaluate<[number, number][]>(
      `[...document.querySelectorAll('.heat[data-sample="0"] tbody td')].map((cell) => {
        const canvas = new OffscreenCanvas(1, 1).getContext('2d');
        canvas.fillStyle = getComputedStyle(cell).backgroundColor;
        canvas.fillRect(0, 0, 1, 1);
        return [Number(cell.dataset.weight), canvas.getImageData(0, 0, 1, 1).data[2]];
      })`,
    );
    const blue = cells.sort(([a], [b]) => a - b).map(([, value]) => value);
    expect(blue).toEqual([...blue].sort((a, b) => b - a));
    expect(blue[0]! - blue.at(-1)!).toBeGreaterThan(30);
  });

  it('show one head at a time, and the mean again', async (context) => {
    const { page } = await open(context);
    const heads = page.locator('.sample').first().locator('.heads');
    for (const h of [2, 0]) {
      await heads.getByRole('button', { name: String(h + 1) }).click();
      expect((await weightsOf(page, 0)).map(({ exact }) => exact)).toEqual(given[0]!.heads[h]);
    }
    await heads.getByRole('button', { name: 'mean' }).click();
    expect((await weightsOf(page, 0)).map(({ exact }) => exact)).toEqual(given[0]!.alignment);
  });

  it('can be the wrong ones alone', async (context) => {
    const { page } = await open(context);
    await page.getByRole('button', { name: 'Wrong only' }).click();
    const wrong = given.filter(({ correct }) => !correct).map(({ source }) => source);
    expect(await page.locator('.sample:visible h3').allTextContents()).toEqual(wrong);
    await page.getByRole('button', { name: 'All 15' }).click();
    expect(await page.locator('.sample:visible').count()).toBe(15);
  });

  it('mark what differs', async (context) => {
    const { page } = await open(context);
    const marks = page.locator('.sample', { hasText: 'colonel' }).first().locator('mark');
    expect(await marks.allTextContents()).toEqual(['AH0', 'L', 'OW1', 'ER1']);
  });
});

describe('the page', () => {
  it('asks for nothing, complains of nothing and never scrolls sideways', async (context) => {
    for (const width of [360, 1400]) {
      const { page, events } = await open(context, { viewport: { width, height: 800 } });
      for (const details of await page.locator('details:not([open]) > summary').all()) {
        if (await details.isVisible()) await details.click();
      }
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
      expect(events).toEqual([]);
    }
  });

  it('is dark or light as the reader has it, and by the button', async (context) => {
    const ground = (page: Page) => page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
    const { page: light } = await open(context, { colorScheme: 'light' });
    const { page: dark } = await open(context, { colorScheme: 'dark' });
    expect(await ground(light)).toBe('rgb(252, 251, 248)');
    expect(await ground(dark)).toBe('rgb(23, 24, 27)');
    expect((await light.screenshot()).equals(await dark.screenshot())).toBe(false);
    await light.getByRole('button', { name: 'Light or dark' }).click();
    expect(await ground(light)).toBe('rgb(23, 24, 27)');
    await light.getByRole('button', { name: 'Light or dark' }).click();
    expect(await ground(light)).toBe('rgb(252, 251, 248)');
  });

  it('is whole without JavaScript, and shows no control that would do nothing', async (context) => {
    const { page } = await open(context, { javaScriptEnabled: false });
    expect(await page.locator('button:visible, input:visible').count()).toBe(0);
    expect(await page.locator('.plot:visible').count()).toBe(7);
    for (const chart of await page.locator('.chart').all()) {
      expect((await chart.boundingBox())!.height).toBeGreaterThan(150);
    }
    expect(await page.locator('dl.figures').textContent()).toContain('PER8.4 %');
  });

  it('prints light, without controls', async (context) => {
    const { page } = await open(context, { colorScheme: 'dark' });
    await page.emulateMedia({ media: 'print' });
    expect(await page.locator('button:visible, input:visible').count()).toBe(0);
    expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe('rgb(252, 251, 248)');
  });

  it('runs nothing that a run contains', async (context) => {
    const attack = `</script><script>window.ran = 1</script><img src=x onerror="window.ran = 1">"'><!--`;
    const dir = join(root, 'hostile');
    writeRunFolder(dir);
    const sample = { ...samples(1)[0], source: attack, hypothesis: attack, references: [`a ${attack}`] };
    const tokens = { sourceTokens: [attack], targetTokens: [attack], alignment: [[1]], heads: [[[1]]] };
    writeFileSync(join(dir, 'samples.json'), JSON.stringify([{ ...sample, ...tokens }]));
    const metrics = { metrics: { [attack]: 1 }, published: [{ name: attack, value: 1, note: attack }] };
    writeFileSync(join(dir, 'result.json'), JSON.stringify(metrics));
    const setup = {
      name: attack,
      config: { [attack]: { [attack]: attack } },
      device: attack,
      startedAt: attack,
    };
    writeFileSync(join(dir, 'experiment.json'), JSON.stringify(setup));
    writeFileSync(
      join(dir, 'metrics.jsonl'),
      `${JSON.stringify({ kind: 'validation', step: 1, [attack]: 2 })}\n`,
    );
    const { page, events } = await open(context, {}, dir);
    expect(await page.locator('h1').textContent()).toBe(attack);
    expect(await page.locator('.sample h3').textContent()).toBe(attack);
    expect(await page.locator('.chart').first().getAttribute('data-metric')).toBe(attack);
    expect(await page.locator('img').count()).toBe(0);
    expect(await page.evaluate('window.ran')).toBeUndefined();
    expect(events).toEqual([]);
  });

  it('would not run a script that found its way in: the content policy names one script', async (context) => {
    const { page } = await open(context);
    await page.evaluate(`new Promise((resolve) => {
      document.body.insertAdjacentHTML('beforeend', '<img src="data:," onerror="window.ran = 1">');
      document.body.lastElementChild.addEventListener('error', resolve);
    })`);
    expect(await page.evaluate('window.ran')).toBeUndefined();
  });
});

describe('heed report', () => {
  async function run(stream: NodeJS.WriteStream, ...args: readonly string[]) {
    const printed: unknown[] = [];
    const write = vi.spyOn(stream, 'write').mockImplementation((text) => printed.push(text) > 0);
    const code = await main(args).finally(() => write.mockRestore());
    return { code, printed: printed.join('') };
  }

  it('writes the page and prints its path', async () => {
    const path = join(runFolder, 'report.html');
    rmSync(path, { force: true });
    expect(await run(process.stdout, 'report', runFolder)).toEqual({ code: 0, printed: `${path}\n` });
    expect(readFileSync(path, 'utf8')).toMatch(/^<!doctype html>.*<\/html>\n$/s);
    expect(readdirSync(runFolder).filter((name) => name.startsWith('report.html'))).toEqual(['report.html']);
  });

  it('opens the page with --open', async (context) => {
    if (process.platform !== 'linux') context.skip('the stand-in for the opener is a script named xdg-open');
    const bin = join(root, 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'xdg-open'), `#!/bin/sh\nprintf %s "$1" > "${bin}/opened"\n`, { mode: 0o755 });
    vi.stubEnv('PATH', `${bin}:${process.env.PATH}`);
    await run(process.stdout, 'report', runFolder, '--open').finally(() => vi.unstubAllEnvs());
    const opened = await vi.waitFor(
      () => readFileSync(join(bin, 'opened'), 'utf8') || Promise.reject(),
      10_000,
    );
    expect(opened).toBe(join(runFolder, 'report.html'));
  });

  it.each(['absent', '.'])('gives one line and exit code 2 for a folder that is no run: %s', async (name) => {
    const { code, printed } = await run(process.stderr, 'report', join(root, name));
    expect(code).toBe(2);
    expect(printed).toMatch(/^heed: [^\n]+: expected [^\n]+, got [^\n]+; hint: [^\n]+\n$/);
  });
});
