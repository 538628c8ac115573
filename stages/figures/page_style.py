"""The looks of the report."""

STYLE = """
:root { --ink: #1f242b; --soft: #545c66; --rule: #d5d9de; --page: #ffffff; --band: #f5f6f8;
  --link: #0b5c94; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8eaed; --soft: #b3bac3; --rule: #3d444d; --page: #16191d; --band: #20252b;
    --link: #7cc0f0; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2.5rem 1.5rem 4rem; max-width: 74rem; background: var(--page);
  color: var(--ink); font: 16px/1.55 "Liberation Sans", Arial, Helvetica, sans-serif; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.3rem; margin: 3rem 0 .75rem; padding-top: .9rem;
  border-top: 1px solid var(--rule); }
h3 { font-size: 1.05rem; margin: 2.5rem 0 .5rem; }
p, li { max-width: 46rem; }
a { color: var(--link); }
nav { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; margin: 1.25rem 0 0; font-size: .9rem; }
header p { margin: .35rem 0; }
.soft, figcaption, caption { color: var(--soft); font-size: .88rem; }
.statements { list-style: none; margin: 0; padding: 0; }
.statements > li { display: grid; grid-template-columns: 7rem 1fr; gap: .15rem 1rem;
  max-width: 60rem; padding: .7rem 0; border-bottom: 1px solid var(--rule); }
.statements ul { grid-column: 2; margin: .15rem 0 0; padding-left: 1.1rem; color: var(--soft);
  font-size: .88rem; }
.statements p { margin: 0; }
.verdict { font-size: .85rem; font-weight: bold; white-space: nowrap; }
.verdict::before { content: ""; display: inline-block; width: .72em; height: .72em;
  margin-right: .55em; border: 1.5px solid currentColor; border-radius: 50%; }
.shown::before { background: currentColor; } .undecided::before { border-style: dotted; }
.mixed::before { background: linear-gradient(90deg, currentColor 50%, transparent 50%); }
.scroll { overflow-x: auto; margin: 1rem 0 1.75rem; }
table { border-collapse: collapse; font-size: .8rem; line-height: 1.35;
  font-variant-numeric: tabular-nums; }
caption { text-align: left; padding-bottom: .4rem; }
th, td { padding: .32rem .5rem; text-align: right; vertical-align: bottom; }
td { white-space: nowrap; }
th { font-weight: normal; color: var(--soft); hyphens: manual; }
th[scope=row] { text-align: left; color: var(--ink); white-space: nowrap; }
thead th { border-bottom: 1px solid var(--ink); }
thead tr.groups th { border-bottom: 0; text-align: center; font-weight: bold; color: var(--ink);
  background: linear-gradient(var(--soft), var(--soft)) bottom / calc(100% - 12px) 1px no-repeat; }
th.text, td.text, .names th:nth-child(2) { text-align: left; }
tbody tr:nth-child(even) { background: var(--band); }
.number span { display: inline-block; min-width: 1.6em; padding: 0 .3em; border-radius: .8em;
  text-align: center; color: #fff; font-weight: bold; font-size: .92em; background: #5b626d; }
.number .zero_shot { background: #0072B2; } .number .finetuned { background: #b84f00; }
.number .supervised { background: #007a59; }
figure { margin: 0 0 1rem; }
figure .chart { background: #fff; padding: .75rem; border-radius: 4px; overflow-x: auto; }
figure svg { display: block; max-width: 100%; height: auto; margin: 0; }
figcaption { max-width: 60rem; margin-top: .5rem; }
.beneath { margin: .6rem 0 0; padding: .5rem .9rem; background: var(--band); max-width: 60rem;
  font-size: .88rem; }
.beneath p { margin: .2rem 0; max-width: none; }
@media (max-width: 40rem) { .statements > li { grid-template-columns: 1fr; }
  .statements ul { grid-column: 1; } figure svg { max-width: none; } }
@media print {
  :root { --ink: #000; --soft: #333; --rule: #bbb; --page: #fff; --band: #f3f3f3; --link: #000; }
  @page { size: A4 landscape; margin: 14mm; }
  body { max-width: none; padding: 0; font-size: 10pt; } nav { display: none; }
  h2, h3 { break-after: avoid; } figure, tr, .statements > li { break-inside: avoid; }
  .scroll { overflow: visible; } table { font-size: 7pt; }
  th, td { padding: .2rem .3rem; }
}
"""
"""Readable on paper and on screens, light and dark; charts keep a white ground in both."""
