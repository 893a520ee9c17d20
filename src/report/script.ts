/**
 * What the page does beyond showing: crosshair, log scale, smoothing, theme, sample filter, heads.
 *
 * Plain text, not code of this program: it runs in the reader's browser. The page is complete without
 * it; elements of class `scripted` wait hidden until it runs. Values come from the JSON in `#run-data`,
 * axes from the `data-` attributes of each plot.
 */
export const SCRIPT = `'use strict';
const { tables, heads } = JSON.parse(document.getElementById('run-data').textContent);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const press = (button, on) => button.setAttribute('aria-pressed', String(on));
for (const element of all('.scripted')) element.hidden = false;

// Light and dark.
document.getElementById('theme').addEventListener('click', () => {
  const root = document.documentElement;
  const dark = root.dataset.theme
    ? root.dataset.theme === 'dark'
    : matchMedia('(prefers-color-scheme: dark)').matches;
  root.dataset.theme = dark ? 'light' : 'dark';
});

// Rows of one curve that have a value, ordered by step.
const rowsOf = ({ table, column }) => {
  const { step } = tables[table];
  const values = tables[table][column];
  const rows = step.map((s, i) => ({ step: s, value: values[i] })).filter(({ value }) => value !== null);
  return rows.sort((a, b) => a.step - b.step);
};

// The row whose step is nearest.
const nearest = (rows, step) => {
  let low = 0;
  let high = rows.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle].step < step) low = middle + 1;
    else high = middle;
  }
  return low > 0 && step - rows[low - 1].step <= rows[low].step - step ? low - 1 : low;
};

// The axes of a plot, as shares of its width and height.
const axesOf = (plot) => {
  const [x0, x1, y0, y1] = ['x0', 'x1', 'y0', 'y1'].map((key) => Number(plot.dataset[key]));
  const f = plot.dataset.scale === 'log' ? Math.log : (v) => v;
  return {
    x0,
    x1,
    x: (step) => (step - x0) / (x1 - x0),
    y: (value) => 1 - (f(value) - f(y0)) / (f(y1) - f(y0)),
  };
};

const charts = all('.chart').map((figure) => ({
  figure,
  plots: all('.plot', figure).map((plot) => ({ plot, axes: axesOf(plot) })),
  curves: all('.legend li', figure).map((item) => {
    const output = item.querySelector('output');
    return { item, output, atRest: output.textContent, rows: rowsOf(item.dataset) };
  }),
}));
for (const chart of charts) {
  chart.steps = [...new Set(chart.curves.flatMap(({ rows }) => rows.map(({ step }) => step)))].sort((a, b) => a - b);
}

// Crosshair: one step, shown in every chart.
const mark = (plot, name) => {
  const element = document.createElement('i');
  element.className = name;
  element.hidden = true;
  plot.append(element);
  return element;
};
for (const { plots, curves } of charts) {
  for (const entry of plots) {
    entry.line = mark(entry.plot, 'crosshair');
    entry.dots = curves.map(({ item }) => mark(entry.plot, 'spot ' + item.className));
  }
}
const say = (row, step) => (row.step === step ? String(row.value) : row.value + ' at ' + row.step);
const showStep = (step) => {
  for (const { plots, curves, steps } of charts) {
    const here = curves.map(({ rows }) => rows[nearest(rows, step)]);
    curves.forEach(({ output, atRest }, i) => {
      output.textContent = step === null ? atRest : say(here[i], step);
    });
    for (const { plot, axes, line, dots } of plots) {
      line.hidden = step === null;
      line.style.left = 100 * axes.x(step) + '%';
      line.dataset.step = step;
      line.classList.toggle('left', axes.x(step) > 0.7);
      dots.forEach((dot, i) => {
        dot.hidden = step === null;
        dot.style.left = 100 * axes.x(here[i].step) + '%';
        dot.style.top = 100 * axes.y(here[i].value) + '%';
      });
      const at = step === null ? steps.at(-1) : step;
      plot.setAttribute('aria-valuenow', String(at));
      plot.setAttribute(
        'aria-valuetext',
        'step ' + at + ': ' + curves.map((c) => c.item.firstChild.data + c.output.textContent).join(', '),
      );
    }
  }
};

const KEYS = { ArrowLeft: -1, ArrowRight: 1, PageDown: -10, PageUp: 10, Home: -Infinity, End: Infinity };
for (const { figure, plots, steps } of charts) {
  let index = steps.length - 1;
  const select = (i) => {
    index = Math.min(steps.length - 1, Math.max(0, i));
    showStep(steps[index]);
  };
  const asRows = steps.map((step) => ({ step }));
  for (const { plot, axes } of plots) {
    plot.tabIndex = 0;
    plot.setAttribute('role', 'slider');
    plot.setAttribute('aria-label', figure.dataset.metric + ', by step');
    plot.setAttribute('aria-valuemin', String(steps[0]));
    plot.setAttribute('aria-valuemax', String(steps.at(-1)));
    plot.addEventListener('pointermove', (event) => {
      const box = plot.getBoundingClientRect();
      const share = (event.clientX - box.left) / box.width;
      select(nearest(asRows, axes.x0 + share * (axes.x1 - axes.x0)));
    });
    plot.addEventListener('pointerleave', () => showStep(null));
    plot.addEventListener('focus', () => plot.matches(':focus-visible') && select(index));
    plot.addEventListener('blur', () => showStep(null));
    plot.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') return showStep(null);
      if (!(event.key in KEYS)) return;
      event.preventDefault();
      select(index + KEYS[event.key]);
    });
  }
}
showStep(null);

// Linear or log.
for (const { figure, plots } of charts) {
  const button = figure.querySelector('.log');
  button?.addEventListener('click', () => {
    const log = button.getAttribute('aria-pressed') !== 'true';
    press(button, log);
    for (const { plot } of plots) plot.hidden = (plot.dataset.scale === 'log') !== log;
  });
}

// Exponential moving average without the bias of its start (Kingma and Ba 2015, section 3).
const smooth = (rows, beta) => {
  let sum = 0;
  let weight = 0;
  return rows.map(({ step, value }) => {
    sum = beta * sum + (1 - beta) * value;
    weight = beta * weight + (1 - beta);
    return { step, value: sum / weight };
  });
};
const slider = document.getElementById('smoothing');
const drawSmooth = () => {
  const beta = Number(slider.value);
  document.getElementById('smoothing-value').textContent = beta === 0 ? 'none' : beta.toFixed(2);
  for (const { plots, curves } of charts) {
    for (const { item, rows } of curves) {
      if (item.dataset.table === 'train' && item.dataset.column !== 'learningRate') {
        for (const { plot, axes } of plots) drawOver(plot, axes, item, beta, rows);
      }
    }
  }
};
const drawOver = (plot, axes, item, beta, rows) => {
  const raw = all('path.curve', plot).find(
    ({ dataset }) => dataset.table === item.dataset.table && dataset.column === item.dataset.column,
  );
  let path = raw.nextElementSibling;
  if (!path?.classList.contains('smooth')) {
    path = raw.cloneNode();
    path.classList.replace('curve', 'smooth');
    raw.after(path);
  }
  raw.classList.toggle('raw', beta > 0);
  const { width, height } = plot.querySelector('svg').viewBox.baseVal;
  const points = smooth(rows, beta).map(
    ({ step, value }) => (width * axes.x(step)).toFixed(1) + ' ' + (height * axes.y(value)).toFixed(1),
  );
  path.setAttribute('d', beta > 0 ? 'M' + points.join('L') : '');
};
if (slider) {
  slider.addEventListener('input', drawSmooth);
  drawSmooth();
}

// Samples: all, or the wrong ones.
for (const button of all('[data-filter]')) {
  button.addEventListener('click', () => {
    for (const other of all('[data-filter]')) press(other, other === button);
    document.getElementById('samples').parentElement.classList.toggle('only-wrong', button.dataset.filter === 'wrong');
    for (const more of all('details.more')) more.open = true;
  });
}

// Attention: the mean, or one head.
for (const table of all('.heat')) {
  const cells = all('tbody tr', table).map((row) => all('td', row));
  const mean = cells.map((row) => row.map((cell) => Number(cell.dataset.weight)));
  const buttons = all('[data-head]', table.closest('details'));
  for (const button of buttons) {
    button.addEventListener('click', () => {
      for (const other of buttons) press(other, other === button);
      const weights = heads[table.dataset.sample]?.[button.dataset.head] ?? mean;
      cells.forEach((row, t) => row.forEach((cell, s) => showWeight(cell, weights[t][s])));
    });
  }
}
function showWeight(cell, weight) {
  const text = weight.toFixed(3);
  cell.dataset.weight = String(weight);
  cell.title = cell.title.replace(/[^ ]*$/, text);
  cell.style.setProperty('--w', text);
  cell.textContent = text;
}
`;
