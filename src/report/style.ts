/** How the page looks: ink on paper, one accent, both themes from one set of colours. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --paper: light-dark(#fcfbf8, #17181b);
  --raised: light-dark(#f4f2ec, #202226);
  --ink: light-dark(#23211e, #e9e6df);
  --soft: light-dark(#66615a, #a29d94);
  --faint: light-dark(#8f887c, #7a766f);
  --line: light-dark(#e4e0d7, #303237);
  --accent: light-dark(#a83a17, #f2936b);
  --heat: light-dark(#ef9670, #a13f1f);
  --mark: light-dark(#fbdccf, #5a2a18);
  --sans: ui-sans-serif, system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif;
  --serif: "Iowan Old Style", "Palatino Linotype", Palatino, Charter, Georgia, "Times New Roman", serif;
  --mono: ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace;
}
[data-theme=light] { color-scheme: light; }
[data-theme=dark] { color-scheme: dark; }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 0.9375rem/1.55 var(--sans); }
[hidden] { display: none !important; }
main { max-width: 70rem; margin: 0 auto; padding: 3.5rem clamp(1rem, 4vw, 3rem) 5rem; }
h1, h2, h3 { font-weight: 400; line-height: 1.2; margin: 0; overflow-wrap: anywhere; }
h1 { font: 400 clamp(1.9rem, 5vw, 3rem)/1.12 var(--serif); letter-spacing: -0.015em; }
h2 { font: 400 1.6rem/1.2 var(--serif); margin-bottom: 1.25rem; }
h3 { font-size: 0.9375rem; font-weight: 600; }
p { margin: 0; }
small { font-size: 0.8em; color: var(--soft); font-weight: 400; }
code { font: 0.8125rem/1.5 var(--mono); overflow-wrap: anywhere; }
section { margin-top: 4rem; }
section > p { color: var(--soft); margin-bottom: 1.25rem; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 3px; border-radius: 2px; }

.head { position: relative; }
.eyebrow, .measured, .lede { color: var(--soft); }
.eyebrow { margin-bottom: 0.75rem; padding-right: 6rem; }
.figures { display: flex; flex-wrap: wrap; gap: 1rem clamp(1.75rem, 5vw, 3.5rem); margin: 2.25rem 0 0.5rem; }
.figures dt { color: var(--soft); }
.figures dd { margin: 0; font: 400 clamp(2.2rem, 6vw, 3.25rem)/1.1 var(--serif); letter-spacing: -0.02em; }
.figures small { font-size: 0.5em; }
.figures div:first-child dd { color: var(--accent); }
.measured { font-size: 0.8125rem; }
.lede { margin-top: 1.5rem; padding-top: 1rem; border-top: 1px solid var(--line); }

button, summary { font: inherit; color: inherit; cursor: pointer; }
button { background: none; border: 1px solid var(--line); border-radius: 1rem; padding: 0.15rem 0.75rem; font-size: 0.8125rem; color: var(--soft); }
button:hover { border-color: var(--faint); color: var(--ink); }
button[aria-pressed=true] { background: var(--ink); border-color: var(--ink); color: var(--paper); }
#theme { position: absolute; top: -0.15rem; right: 0; }
.controls { display: flex; flex-wrap: wrap; gap: 0.5rem 0.75rem; align-items: center; font-size: 0.8125rem; color: var(--soft); margin: 0 0 1.25rem; }
.controls label { display: flex; align-items: center; gap: 0.75rem; }
.controls output { min-width: 2.5rem; font-variant-numeric: tabular-nums; }
input[type=range] { accent-color: var(--accent); width: clamp(5rem, 25vw, 9rem); }
.hint { color: var(--soft); font-size: 0.8125rem; }

.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 21rem), 1fr)); gap: 3rem 2.5rem; }
.chart { margin: 0; min-width: 0; }
.chart.wide { grid-column: 1 / -1; }
figcaption { display: grid; grid-template-columns: 1fr auto; gap: 0.25rem 1rem; align-items: baseline; margin-bottom: 1rem; }
.legend { grid-column: 1 / -1; list-style: none; margin: 0; padding: 0; display: flex; flex-wrap: wrap; gap: 0 1.5rem; font-size: 0.8125rem; color: var(--soft); }
.legend li::before { content: ""; display: inline-block; width: 1.1rem; border-top: 2px solid var(--stroke); margin-right: 0.45rem; vertical-align: 0.25em; }
.legend output { color: var(--ink); font-variant-numeric: tabular-nums; }
.ink { --stroke: var(--ink); }
.accent { --stroke: var(--accent); }
.faint { --stroke: var(--faint); }
.plot { position: relative; height: 11rem; margin: 0 1rem 1.75rem 3.25rem; touch-action: pan-y; cursor: crosshair; }
.wide .plot { height: clamp(13rem, 34vw, 21rem); }
.plot svg { display: block; width: 100%; height: 100%; overflow: visible; }
.plot path { fill: none; stroke: var(--stroke); stroke-width: 1.5; stroke-linejoin: round; stroke-linecap: round; vector-effect: non-scaling-stroke; }
.plot path.grid { stroke: var(--line); stroke-width: 1; }
.plot path.raw { opacity: 0.28; stroke-width: 1; }
.plot path.smooth { stroke-width: 1.75; }
.plot path.dots { stroke-width: 4.5; }
.plot path.best { stroke: var(--accent); stroke-width: 9; }
.tick { position: absolute; font-size: 0.75rem; line-height: 1; color: var(--soft); font-variant-numeric: tabular-nums; white-space: nowrap; pointer-events: none; }
.tick.y { right: calc(100% + 0.6rem); transform: translateY(-50%); }
.tick.x { top: calc(100% + 0.7rem); transform: translateX(-50%); }
.crosshair { position: absolute; top: 0; bottom: 0; border-left: 1px solid var(--soft); pointer-events: none; }
.crosshair::after { content: "step " attr(data-step); position: absolute; top: -0.35rem; left: 0.4rem; font: 0.75rem/1 var(--sans); color: var(--ink); background: var(--paper); padding: 0.1rem 0.2rem; white-space: nowrap; }
.crosshair.left::after { left: auto; right: 0.4rem; }
.spot { position: absolute; width: 9px; height: 9px; margin: -4.5px; border-radius: 50%; background: var(--stroke); box-shadow: 0 0 0 2px var(--paper); pointer-events: none; }

.sample { border-top: 1px solid var(--line); padding: 1.25rem 0; }
.sample header { display: flex; flex-wrap: wrap; gap: 0.25rem 1.5rem; justify-content: space-between; align-items: baseline; }
.sample h3 { font: 400 1.25rem/1.3 var(--serif); }
.verdict { font-size: 0.8125rem; color: var(--soft); }
.verdict.wrong { color: var(--accent); }
.score { color: var(--soft); margin-left: 1rem; font-variant-numeric: tabular-nums; }
.pair { display: grid; grid-template-columns: 6.5rem 1fr; gap: 0.15rem 1rem; margin: 0.75rem 0; }
.pair dt { color: var(--soft); font-size: 0.8125rem; line-height: 1.8; }
.pair dd { margin: 0; overflow-wrap: anywhere; }
mark { background: var(--mark); color: var(--ink); border-radius: 2px; padding: 0.05em 0.2em; box-shadow: inset 0 -2px var(--accent); }
.only-wrong .sample[data-correct=true] { display: none; }
details { margin: 0.5rem 0; }
.heads { margin: 0.75rem 0 0; }
summary { color: var(--soft); width: fit-content; font-size: 0.8125rem; }
summary:hover { color: var(--ink); }
.more > summary { padding: 0.75rem 0; font-size: inherit; }

.scroll { overflow-x: auto; margin-top: 0.75rem; }
.tall { max-height: 26rem; overflow: auto; border: 1px solid var(--line); }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th { font-weight: 400; text-align: left; }
.plain thead th { white-space: nowrap; }
.plain td, .plain th { padding: 0.45rem 1.75rem 0.45rem 0; border-bottom: 1px solid var(--line); vertical-align: baseline; text-align: left; }
.plain thead th, .plain tbody th { color: var(--soft); }
.plain .own { font-weight: 600; }
.plain td:not(.note) { white-space: nowrap; }
.plain .note { min-width: 14rem; }
.parts td:nth-child(2) { text-align: right; }
.groups { columns: 19rem; column-gap: 3rem; margin-top: 0.75rem; }
.group { break-inside: avoid; margin: 0 0 1.75rem; }
.groups h4 { margin: 0 0 0.35rem; font-weight: 600; font-size: 0.875rem; }
.groups dl { margin: 0; }
.groups dl div { display: flex; justify-content: space-between; gap: 0.25rem 1.5rem; border-bottom: 1px solid var(--line); padding: 0.25rem 0; }
.groups dt { color: var(--soft); }
.groups dd { margin: 0; text-align: right; }
.share span { display: inline-block; width: 8rem; height: 0.5rem; margin-right: 0.75rem; background: linear-gradient(var(--faint) 0 0) 0 0 / var(--share) 100% no-repeat, var(--raised); }
.facts { display: flex; flex-wrap: wrap; gap: 1rem 2.5rem; margin: 0 0 2rem; }
.facts dt { color: var(--soft); font-size: 0.8125rem; }
.facts dd { margin: 0; }
#setup ~ h3 { margin-top: 1.5rem; }
.heat { font-size: 0.75rem; }
.heat td, .heat th { padding: 0; text-align: center; line-height: 1; }
.heat tbody td { width: 2.75rem; min-width: 2.75rem; height: 1.6rem; border: 1px solid var(--paper); background: color-mix(in oklab, var(--heat) calc(var(--w) * 100%), var(--raised)); }
.heat thead th { padding: 0.35rem 0.25rem; }
.heat tbody th { padding: 0 0.75rem 0 0; text-align: right; white-space: nowrap; position: sticky; left: 0; background: var(--paper); }
.numbers { font: 0.75rem/1.5 var(--mono); }
.numbers td, .numbers th { padding: 0.1rem 1rem; text-align: right; white-space: nowrap; }
.numbers thead th { position: sticky; top: 0; background: var(--raised); padding-block: 0.4rem; }
.numbers tbody tr:hover { background: var(--raised); }
footer { margin-top: 5rem; padding-top: 1rem; border-top: 1px solid var(--line); color: var(--soft); font-size: 0.8125rem; }
@media (max-width: 34rem) {
  main { padding-top: 2rem; }
  section { margin-top: 3rem; }
  .pair { grid-template-columns: 1fr; }
  .pair dd { margin-bottom: 0.4rem; }
  .plot { margin-left: 2.75rem; }
}
@media print {
  :root, [data-theme] { color-scheme: light; }
  main { max-width: none; padding: 0; }
  .scripted, .scripted[hidden], .controls { display: none !important; }
  .chart, .sample { break-inside: avoid; }
  h2 { break-after: avoid; }
  .tall { max-height: none; }
  * { print-color-adjust: exact; }
}
`;
