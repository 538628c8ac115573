"""The page and the JSON with the command's results."""

import inspect
import json
import re
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import safe_open

from interpreting_clip.catalogue import MEASURES
from interpreting_clip.charts.colours import css
from interpreting_clip.commands.given_files import METADATA, GivenArray, require_folder
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
    """

    name: str = "Accuracies as given"
    inputs: dict[str, GivenArray] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    results: dict[str, Result] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


def encoder_name(file: Path) -> str:
    """Return the encoder that a file of `extract` is from; otherwise the file's name."""
    if file.suffix == ".safetensors":
        with safe_open(file, "numpy") as stored:
            if about := (stored.metadata() or {}).get(METADATA):
                return json.loads(about)["encoder"]
    return file.stem


def require_report(out: Path) -> None:
    """Refuse a folder in which `write_report` could not write.

    Raises
    ------
    InputError
        It cannot be written to, or has files `index.html` or `measures.json` that are not ours.
    """
    require_folder(out)
    for file in (out / "index.html", out / "measures.json"):
        if file.exists() and MADE_BY.encode() not in file.read_bytes():
            raise InputError(f"{file}: not written by {MADE_BY}, so kept; name another folder")


def write_report(out: Path, study: Study) -> list[Path]:
    """Write `index.html` and `measures.json` into a folder, and return their paths."""
    page, numbers = out / "index.html", out / "measures.json"
    text = html(study).encode()
    with whole_file(page) as stream:  # so that either both are new or none is
        stream.write(text)
        write_json(numbers, numbers_of(study))
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


def html(study: Study) -> str:
    """Return the page: it needs nothing from outside, and all names are escaped."""
    inputs = [
        f'<tr><td>{escape(role)}</td><td class="file">{escape(str(given.file))}</td>'
        f"<td>{escape(given.name or '–')}</td><td>{escape(str(list(given.values.shape)))}</td></tr>"
        for role, given in study.inputs.items()
    ]
    head = '<tr><th>input</th><th class="file">file</th><th>array</th><th>shape</th></tr>'
    sections = [section(name, study.titles[name], one) for name, one in study.results.items()]
    missing = [
        f"<li><strong>{escape(title)}</strong>: needs {marked(needs)}.</li>"
        for title, needs in study.missing.items()
    ]
    contents = [
        f'<li><a href="#{escape(name)}">{escape(study.titles[name])}</a></li>'
        for name in study.results
    ]
    name = escape(study.name)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{name}</title>
<meta name="generator" content="{MADE_BY}">
<meta name="viewport" content="width=device-width,initial-scale=1">
<style>{css()}{STYLE}</style></head><body>
<h1>{name}</h1>
<ul>{"".join(contents)}</ul>
{wide(f"<table>{head}{''.join(inputs)}</table>", "Inputs") if inputs else ""}
{"".join(sections)}
{f"<h2>Not measured</h2><ul>{''.join(missing)}</ul>" if missing else ""}
</body></html>
"""


def section(name: str, title: str, result: Result) -> str:
    """Return a measure's part of the page."""
    from interpreting_clip.charts.chart import CHARTS

    notes = "".join(f'<p class="note">{escape(note)}</p>' for note in result.notes)
    figures = [figure(one, result) for one in CHARTS.get(type(result), {}).values()]
    return (
        f'<section id="{escape(name)}"><h2>{escape(title)}</h2>'
        f"{wide(result_table(result), title)}{notes}{''.join(figures)}"
        f"<details><summary>Definition</summary>{definition(name)}</details></section>"
    )


def definition(name: str) -> str:
    """Return what a measure's docstring says before its parameters."""
    measure = MEASURES["accuracy" if name.startswith("accuracy_") else name]
    text, _, _ = inspect.cleandoc(str(measure.function.__doc__)).partition("\n\nParameters\n")
    paragraphs = text.replace("\n* ", "\n\n• ").split("\n\n")
    return "".join(f"<p>{marked(paragraph)}</p>" for paragraph in paragraphs)


def marked(text: str) -> str:
    """Return a text in HTML, with its code and its emphasis."""
    code = re.sub(r"`(.+?)`", r"<code>\1</code>", escape(text))
    return re.sub(r"(?<=\s)\*(.+?)\*", r"<em>\1</em>", code, flags=re.DOTALL)


def figure(drawn: "ResultChart", result: Result) -> str:
    """Return a chart of a result, a picture per panel, and its caption."""
    from interpreting_clip.charts.chart import encoders_table
    from interpreting_clip.charts.panels import single_panels
    from interpreting_clip.charts.pictures import panel_pictures

    chart = drawn.chart
    spec, values = single_panels(chart, encoders_table(drawn, {"": result}))
    pictures = panel_pictures(chart, spec, values)
    panels = [
        f"<div>{f'<b>{escape(title)}</b>' if title else ''}{svg}</div>"
        for title, svg in pictures.items()
    ]
    return (
        f'<figure><div class="panels">{"".join(panels)}</div>'
        f"<figcaption>{escape(f'{chart.title}. {chart.caption}'.strip())}</figcaption></figure>"
    )


def wide(table: str, label: str) -> str:
    """Let a table scroll sideways where the window is narrow, with the keyboard too."""
    return (
        f'<div class="wide" role="region" aria-label="{escape(label)}" tabindex="0">{table}</div>'
    )
