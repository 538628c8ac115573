"""The report: one HTML page that needs no script and no network."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from stages.reporting.charts import (
    CHARTS,
    PUBLISHED,
    Chart,
    Rows,
    named_apart,
    outside_frame,
    svg,
)
from stages.reporting.claims import Statement, statements
from stages.reporting.main_table import (
    accuracy_table,
    paper_table,
    representation_table,
    robustness_table,
)
from stages.reporting.names import SHIFTS, mean_over, shown
from stages.reporting.representations import WHY_APART, rows_apart
from stages.reporting.results import Comparison, Encoder, Published
from stages.reporting.tables import study_tables

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


_PAPER = (
    "Crabbé, Rodríguez, Shankar, Zappella and Blaas: <cite>Interpreting CLIP: Insights on the "
    "Robustness to ImageNet Distribution Shifts</cite>, TMLR 2024, "
    '<a href="https://arxiv.org/abs/2310.13040">arXiv:2310.13040</a>.'
)

_CLAIM = (
    "The paper says: robust zero-shot CLIP image encoders have outlier features, which less robust "
    "encoders lack; they also encode more concepts, which it does not find to indicate robustness."
)

_VERDICTS = {
    "shown": "Seen here",
    "not shown": "Not seen here",
    "undecided": "Undecided",
    "mixed": "Mixed",
}

_SECTIONS = (
    ("shows", "What it shows and what it does not"),
    ("table", "Every measure of every encoder"),
    ("paper", "Beside the paper"),
    ("charts", "Charts"),
    ("openclip", "Published models"),
)


def report_page(
    *,
    title: str,
    description: str,
    encoders: Sequence[Encoder],
    comparisons: Sequence[Comparison],
    published: Published,
    published_rows: Rows,
    templates: Path,
) -> str:
    """Return the whole page; the same results give the same bytes.

    Parameters
    ----------
    title, description
        What this study is, in plain text; a description's blank lines part its paragraphs.
    encoders, comparisons, published
        The study's results.
    published_rows
        The rows of `plots/published.csv`; numbers may be strings.
    templates
        The folder of the plot templates, `.dvc/plots`.

    Raises
    ------
    InputError
        The results do not fit one another, or a template is missing or broken.
    """
    tables = study_tables(encoders, comparisons)
    found = statements(encoders, published)
    figures = [_figure(c, tables[c.table], templates, found) for c in CHARTS if tables[c.table]]
    published_figure = _figure(PUBLISHED, published_rows, templates, found)
    bodies = {
        "shows": _statement_list(found),
        "table": _main_tables(encoders),
        "paper": _PAPER_NOTE + paper_table(encoders),
        "charts": "\n".join(figures),
        "openclip": _published_note(published, published_rows) + published_figure,
    }
    return _page(title, description, bodies)


def effective_robustness_svg(encoders: Sequence[Encoder], templates: Path) -> str:
    """Return the chart of effective robustness alone, compact, as the text of an SVG file."""
    chart = CHARTS[0]
    rows = study_tables(encoders, [])[chart.table]
    return svg(chart, rows, templates, size=(142, 200)) + "\n"


_TABLE_NOTE = (
    '<p class="soft">Accuracy: top-1 on the test images. Effective robustness: accuracy above what '
    "the baseline line gives for the same ImageNet accuracy, mean{mean}. Kurtosis: "
    "mean per image, a Gaussian has 3. {concepts}Prunable: the largest share of directions whose "
    "loss costs less than one point of ImageNet accuracy. Largest / median: importance of the "
    "directions. Brackets are bootstrap intervals. Untrained encoders are at chance, which is "
    "higher on shifts with fewer classes: their effective robustness and their prunable share "
    "mean nothing.</p>"
)

_CONCEPTS_NOTE = (
    "Unique: Broden concepts that at least one direction or feature encodes, of the {count} that "
    "some of the images show and some do not. Polysemanticity: concepts per direction or feature "
    "that encodes any. "
)

_PAPER_NOTE = (
    "<p>The paper's own figures that are known to us: unique concepts of OpenAI's CLIP in its "
    "first version (arXiv:2310.13040v1), out of Broden's 1,197, and that up to 80 % of the least "
    "important directions can be pruned without harm. Counts compare within one study only: "
    "probe sets differ in the number of their concepts, and encoders in that of their "
    "directions.</p>"
)


def _main_tables(encoders: Sequence[Encoder]) -> str:
    return "\n".join(
        (
            accuracy_table(encoders),
            representation_table(encoders),
            _table_note(encoders),
            robustness_table(encoders),
        )
    )


def _table_note(encoders: Sequence[Encoder]) -> str:
    counts = {e.metrics.concepts.measured for e in encoders} - {None}
    count = " or ".join(shown(count, 0) for count in sorted(counts, key=str))
    concepts = _CONCEPTS_NOTE.format(count=count) if count else ""
    return _TABLE_NOTE.format(mean=mean_over(encoders) or " of the five shifts", concepts=concepts)


def _page(title: str, description: str, bodies: Mapping[str, str]) -> str:
    about = "\n".join(f"<p>{escape(p)}</p>" for p in description.split("\n\n") if p.strip())
    links = "\n".join(f'<a href="#{key}">{escape(name)}</a>' for key, name in _SECTIONS)
    sections = "\n".join(
        f'<section id="{key}">\n<h2>{escape(name)}</h2>\n{bodies[key]}\n</section>'
        for key, name in _SECTIONS
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Interpreting CLIP: {escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<header>
<h1>Interpreting CLIP: {escape(title)}</h1>
<p>{_CLAIM}</p>
<p class="soft">{_PAPER}</p>
<nav aria-label="Sections">
{links}
</nav>
</header>
<main>
<section id="study">
<h2>What this study is</h2>
{about}
</section>
{sections}
</main>
</body>
</html>
"""


def _statement_list(found: Sequence[Statement]) -> str:
    items = "\n".join(
        f"<li>{_verdict(s)}<p>{escape(s.claim)}</p>"
        f"<ul>{''.join(f'<li>{escape(f)}</li>' for f in s.findings)}</ul></li>"
        for s in found
    )
    return (
        "<p>Each claim is judged from the numbers of this page. Seen or not seen means that the "
        "intervals stand apart; undecided, that they overlap or "
        "that the line is extrapolated; mixed, that encoders differ.</p>\n"
        f'<ul class="statements">\n{items}\n</ul>'
    )


def _verdict(statement: Statement) -> str:
    kind = statement.verdict.replace(" ", "-")
    return f'<span class="verdict {kind}">{_VERDICTS[statement.verdict]}</span>'


def _figure(chart: Chart, rows: Rows, templates: Path, found: Sequence[Statement]) -> str:
    lines = "\n".join(
        f"<p><strong>{_VERDICTS[s.verdict]}:</strong> {escape(s.claim)}</p>"
        for s in found
        if s.chart == chart.name
    )
    beneath = f'<div class="beneath">{lines}</div>' if lines else ""
    return (
        f'<figure id="{chart.name}"><h3>{escape(chart.title)}</h3>\n'
        f"{_drawn(chart, rows, templates)}\n"
        f"<figcaption>{escape(chart.caption)}</figcaption>\n{beneath}</figure>"
    )


def _drawn(chart: Chart, rows: Rows, templates: Path) -> str:
    """A chart, or several: encoders of two kinds of representation share no list."""
    groups = rows_apart(rows) if chart.apart else {}
    if len(groups) < 2:
        return f'<div class="chart">{svg(chart, rows, templates)}</div>'
    parts = [
        f"<h4>{escape(kind)}</h4>\n"
        f'<div class="chart">{svg(named_apart(chart, kind), group, templates)}</div>'
        for kind, group in groups.items()
    ]
    return "\n".join([*parts, f'<p class="soft">{escape(WHY_APART)}</p>'])


def _published_note(published: Published, rows: Rows) -> str:
    fits = "; ".join(
        f"{name} slope {shown(line.slope, 2)}, R² {shown(line.r_squared, 2)}, {line.models} models"
        for shift, name in SHIFTS.items()
        if (line := published.lines.get(shift))
    )
    hidden = outside_frame(rows)
    frame = f" {hidden} points lie outside the frame of the chart." if hidden else ""
    return (
        "<p>This result rests on published accuracies of the real datasets alone, and no study "
        f"changes it. Baseline lines: {escape(fits)}.{frame}</p>\n"
    )
