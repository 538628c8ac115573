"""The page and the JSON with the command's results."""

import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from interpreting_clip.catalogue import MEASURES
from interpreting_clip.charts.colours import css
from interpreting_clip.commands.given_files import GivenArray, recorded, require_folder
from interpreting_clip.errors import InputError
from interpreting_clip.formats.files import file_digest
from interpreting_clip.formats.json import whole_file, write_json
from interpreting_clip.formats.result import Result, plain
from interpreting_clip.formats.result_tables import result_table

if TYPE_CHECKING:
    from interpreting_clip.charts.chart import ResultChart

# Charts are imported where they are drawn: Altair takes longer than many measures.

MADE_BY = "interpreting-clip measure"
"""The mark of our pages and JSON, so that nobody else's files are overwritten."""

ENCODERS = "encoders"
"""The key of the JSON whose value are several encoders."""

Pages = Sequence[tuple[str, str]]
"""The name of each encoder that has pages of directions, and their address."""

STYLE = """
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;color:var(--chart-ink);background:var(--chart-ground);
max-width:60rem;margin:2rem auto;padding:0 1rem;overflow-wrap:anywhere}
.wide{overflow-x:auto;margin:1rem 0}
table{border-collapse:collapse}
td,th{padding:.2rem .7rem;border-bottom:1px solid var(--chart-frame);text-align:right;
white-space:nowrap;font-variant-numeric:tabular-nums}
td:first-child,th:first-child{text-align:left;white-space:normal;overflow-wrap:normal;min-width:8rem}
td.file,th.file{text-align:left;white-space:normal;min-width:10rem;overflow-wrap:anywhere}
a,summary{color:var(--chart-zero-shot)} li{margin:.3rem 0} ul{padding-left:1.2rem}
summary{cursor:pointer}
@media(max-width:40rem){table{font-size:.8rem} td,th{padding:.2rem .4rem}
th{white-space:normal;overflow-wrap:normal} td.file,td:first-child{min-width:5rem}
th.file,th:first-child{min-width:0}}
p.note,figcaption{color:var(--chart-soft-ink);margin:.2rem 0}
figure{margin:1rem 0} .panels{display:flex;flex-wrap:wrap;gap:1rem}
.panels b{display:block} svg{max-width:100%;height:auto;overflow:visible}
"""


@dataclass
class Study:
    """What was read, measured and not measured.

    Attributes
    ----------
    name : of the encoder
    inputs : the arrays that were read, by their role
    titles, results : of each measure, by its name
    missing : what measures that were left out need, by their title
    remarks : what to tell of the inputs
    several : whether it is compared with other encoders
    """

    name: str = "Accuracies as given"
    inputs: dict[str, GivenArray] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    results: dict[str, Result] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    several: bool = False


def encoder_name(file: Path) -> str:
    """Return the encoder that a file of `extract` is from; otherwise the file's name."""
    return recorded(file).get("encoder", file.stem)


def require_report(out: Path) -> None:
    """Refuse a folder in which a report could not be written.

    Raises
    ------
    InputError
        It cannot be written to, or has files of the names of ours that are not ours.
    """
    require_folder(out)
    ours = {file: file.exists() and MADE_BY.encode() in file.read_bytes() for file in files_in(out)}
    tables = has_tables(out)
    for file in (*ours, *tables_in(out)):
        if file.exists() and not ours.get(file, tables):
            raise InputError(f"{file}: not written by {MADE_BY}, so kept; name another folder")


def files_in(out: Path) -> list[Path]:
    """Return the files of every report in a folder."""
    return [out / "index.html", out / "measures.json"]


def tables_in(out: Path) -> list[Path]:
    """Return the tables of a report on several encoders in a folder."""
    return [out / "encoders.csv", out / "differences.csv"]


def has_tables(out: Path) -> bool:
    """Return whether the report in a folder is one of ours on several encoders."""
    _, numbers = files_in(out)
    text = numbers.read_bytes() if numbers.exists() else b""
    return MADE_BY.encode() in text and f'\n "{ENCODERS}": '.encode() in text


def write_report(out: Path, study: Study, pages: Pages = ()) -> list[Path]:
    """Write `index.html` and `measures.json` into a folder, and return their paths.

    The page has links to `pages`.
    """
    page, numbers = files_in(out)
    stale = tables_in(out) if has_tables(out) else []
    text = html(study, pages).encode()
    with whole_file(page) as stream:  # so that either both are new or none is
        stream.write(text)
        write_json(numbers, numbers_of(study))
    for file in stale:
        file.unlink(missing_ok=True)
    return [page, numbers]


def numbers_of(study: Study) -> dict[str, object]:
    """Return the content of `measures.json`."""
    return {
        "made_by": MADE_BY,
        "name": study.name,
        "inputs": {
            role: {
                "file": str(given.file),
                "array": given.name,
                "shape": list(given.values.shape),
                "sha256": file_digest(given.file),
            }
            for role, given in study.inputs.items()
        },
        "measures": plain(study.results, without_beside=True),
        "not_measured": study.missing,
    }


def html(study: Study, pages: Pages) -> str:
    """Return the page of one encoder."""
    sections = [section(name, study.titles[name], one) for name, one in study.results.items()]
    missing = not_measured(study)
    return document(
        study.name,
        f"{contents(study.titles, pages)}{inputs_table(study)}{''.join(sections)}"
        f"{f'<h2>Not measured</h2>{missing}' if missing else ''}",
    )


def document(title: str, body: str) -> str:
    """Return a page: it needs nothing from outside, and all names are escaped."""
    title = escape(title)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="generator" content="{MADE_BY}">
<meta name="viewport" content="width=device-width,initial-scale=1">
<style>{css()}{STYLE}</style></head><body>
<h1>{title}</h1>
{body}
</body></html>
"""


def contents(titles: Mapping[str, str], pages: Pages) -> str:
    """Return links to the sections of a page, and to further pages."""
    links = [
        f'<li><a href="#{escape(name)}">{escape(title)}</a></li>' for name, title in titles.items()
    ]
    links += [
        f'<li><a href="{escape(page)}">Images and concepts of each direction and outlier feature'
        f"{escape(f': {name}') if len(pages) > 1 else ''}</a></li>"
        for name, page in pages
    ]
    return f"<ul>{''.join(links)}</ul>"


def inputs_table(study: Study) -> str:
    """Return the table of the arrays that were read; empty if there are none."""
    inputs = [
        f'<tr><td>{escape(role)}</td><td class="file">{escape(str(given.file))}</td>'
        f"<td>{escape(given.name or '–')}</td><td>{escape(str(list(given.values.shape)))}</td></tr>"
        for role, given in study.inputs.items()
    ]
    head = '<tr><th>input</th><th class="file">file</th><th>array</th><th>shape</th></tr>'
    return wide(f"<table>{head}{''.join(inputs)}</table>", "Inputs") if inputs else ""


def not_measured(study: Study) -> str:
    """Return the list of what was not measured, and what that needs; empty without any."""
    missing = [
        f"<li><strong>{escape(title)}</strong>: needs {marked(needs)}.</li>"
        for title, needs in study.missing.items()
    ]
    return f"<ul>{''.join(missing)}</ul>" if missing else ""


def section(name: str, title: str, result: Result) -> str:
    """Return a measure's part of the page."""
    return (
        f'<section id="{escape(name)}"><h2>{escape(title)}</h2>'
        f"{numbers_table(title, result)}{figures({'': result})}{definition_fold(name)}</section>"
    )


def numbers_table(title: str, result: Result) -> str:
    """Return the table of a result, with its notes."""
    return wide(result_table(result), title) + paragraphs(result.notes)


def paragraphs(notes: Iterable[str]) -> str:
    """Return notes below a table."""
    return "".join(f'<p class="note">{escape(note)}</p>' for note in notes)


def definition_fold(name: str) -> str:
    """Return the definition of a measure, folded up."""
    return f"<details><summary>Definition</summary>{definition(name)}</details>"


def definition(name: str) -> str:
    """Return what a measure's docstring says before its parameters."""
    prefixes = {"accuracy_": "accuracy", "drop_": "accuracy_drop", "own_": "effective_robustness"}
    found = [one for prefix, one in prefixes.items() if name.startswith(prefix)]
    measure = MEASURES[found[0] if found else name]
    text, _, _ = inspect.cleandoc(str(measure.function.__doc__)).partition("\n\nParameters\n")
    paragraphs = text.replace("\n* ", "\n\n• ").split("\n\n")
    return "".join(f"<p>{marked(paragraph)}</p>" for paragraph in paragraphs)


def marked(text: str) -> str:
    """Return a text in HTML, with its code and its emphasis."""
    code = re.sub(r"`(.+?)`", r"<code>\1</code>", escape(text))
    return re.sub(r"(?<=\s)\*(.+?)\*", r"<em>\1</em>", code, flags=re.DOTALL)


def figures(results: Mapping[str, Result]) -> str:
    """Return the charts of a result, or of those of several encoders by their names."""
    from interpreting_clip.charts.chart import CHARTS

    kind = type(next(iter(results.values())))
    return "".join(
        figure(one, results)
        for one in CHARTS.get(kind, {}).values()
        if any(len(one.table(result)) for result in results.values())
    )


def figure(drawn: "ResultChart", results: Mapping[str, Result]) -> str:
    """Return a chart of results by encoder, a picture per panel, and its caption."""
    from interpreting_clip.charts.chart import encoders_table
    from interpreting_clip.charts.panels import single_panels
    from interpreting_clip.charts.pictures import panel_pictures

    chart = drawn.chart
    spec, values = single_panels(chart, encoders_table(drawn, results))
    pictures = panel_pictures(chart, spec, values)
    panels = [
        f"<div>{f'<b>{escape(title)}</b>' if title else ''}{svg}</div>"
        for title, svg in pictures.items()
    ]
    caption = f"{chart.title}. {chart.caption}".strip()
    if any(legend.numbered for legend in chart.legend):
        caption += "".join(f" {place}: {name}." for place, name in enumerate(results, 1) if name)
    return (
        f'<figure><div class="panels">{"".join(panels)}</div>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def wide(table: str, label: str) -> str:
    """Let a table scroll sideways where the window is narrow, with the keyboard too."""
    return (
        f'<div class="wide" role="region" aria-label="{escape(label)}" tabindex="0">{table}</div>'
    )
