"""The page and the JSON of what was measured from files, written together or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from interpreting_clip.errors import InputError
from interpreting_clip.formats.files import file_digest
from interpreting_clip.formats.json import rounded, write_json, write_whole
from interpreting_clip.instruments.measure_files import Measured, Study
from interpreting_clip.instruments.readable import html_table

PAGE, NUMBERS = "index.html", "measures.json"

MADE_BY = "interpreting-clip measure"
"""By which a page and its JSON are known as ours, so that nobody else's are overwritten."""

PER_IMAGE = ("per_image", "correct")
"""Arrays with an entry for each image, which the JSON leaves out."""

LONGEST = 4096
"""The most entries of an array in the JSON."""

STYLE = """
:root{color-scheme:light dark;--text:#1a1a1a;--back:#fff;--soft:#666;--rule:#ddd;--own:#0b62a4;
--null:#c4570a;--bar:#9cc3e0}
@media(prefers-color-scheme:dark){:root{--text:#e8e8e8;--back:#16181b;--soft:#a0a4a8;--rule:#383c40;
--own:#6db6f2;--null:#f2a05e;--bar:#2f5f85}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--text);background:var(--back);max-width:52rem;
margin:2rem auto;padding:0 1rem;overflow-wrap:anywhere}
.wide{overflow-x:auto;margin:1rem 0}
table{border-collapse:collapse}
td,th{padding:.2rem .7rem;border-bottom:1px solid var(--rule);text-align:right;white-space:nowrap;
font-variant-numeric:tabular-nums}
td:first-child,th:first-child{text-align:left;white-space:normal;overflow-wrap:normal}
td.file{white-space:normal;overflow-wrap:anywhere}
p.note{color:var(--soft);margin:.2rem 0}
svg{width:100%;max-width:42rem;height:auto;font:12px system-ui,sans-serif;fill:var(--text)}
svg .grid{stroke:var(--rule)} svg polyline{fill:none;stroke-width:2}
svg .own{stroke:var(--own)} svg circle.own{fill:var(--own)} svg .bar{fill:var(--bar)}
svg .null{stroke:var(--null);stroke-dasharray:5 4}
"""


def write_report(out: Path, study: Study) -> None:
    """Write `index.html` and `measures.json` into a folder, both or none.

    A new folder appears whole. In one that exists, other files are kept.

    Raises
    ------
    InputError
        There is a file of that name, or files `index.html` or `measures.json` that are not ours; a
        number is not finite.
    """
    require_ours(out)
    numbers, page = rounded(report(study), 6, NUMBERS), html(study).encode()
    out.parent.mkdir(parents=True, exist_ok=True)
    # In the same folder, so that moving it is renaming it.
    made = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        write_json(made / NUMBERS, numbers)
        write_whole(made / PAGE, page)
        if out.exists():
            for name in (NUMBERS, PAGE):
                (made / name).replace(out / name)
        else:
            # mkdtemp makes a folder that only its owner can read.
            made.chmod(0o777 & ~current_umask())
            made.replace(out)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def require_ours(out: Path) -> None:
    """Refuse to overwrite what somebody else made.

    Raises
    ------
    InputError
        `out` is a file, or holds a page or a JSON that is not ours.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: expected a folder, got a file; name another one")
    for name in (PAGE, NUMBERS):
        with suppress(FileNotFoundError):
            if MADE_BY.encode() not in (out / name).read_bytes():
                raise InputError(
                    f"{out / name}: {MADE_BY} did not write this file and does not replace it; "
                    "name another folder"
                )


def current_umask() -> int:
    """Return the permissions that new files do not get; it can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def report(study: Study) -> dict[str, Any]:
    """Return the content of `measures.json`."""
    return {
        "made_by": MADE_BY,
        "inputs": {
            role: {
                "file": str(found.source.file),
                "array": found.name,
                "shape": list(found.values.shape),
                "sha256": file_digest(found.source.file),
            }
            for role, found in study.inputs.items()
        },
        "measures": {one.name: measured(one) for one in study.measured},
        "not_measured": [asdict(one) for one in study.missing],
    }


def measured(one: Measured) -> dict[str, Any]:
    """Return a measure's numbers, notes and short arrays."""
    return {
        "title": one.title,
        "numbers": {number.name: asdict(number) for number in one.result.numbers},
        "notes": one.result.notes,
        "arrays": dict(short_arrays(one)),
    }


def short_arrays(one: Measured) -> Iterator[tuple[str, list[Any]]]:
    """Yield a result's arrays that are no longer than `LONGEST` and have one dimension."""
    for name, array in one.result.arrays.items():
        if array.ndim == 1 and len(array) <= LONGEST and name not in PER_IMAGE:
            yield name, np.asarray(array).tolist()


def html(study: Study) -> str:
    """Return the page: it needs nothing from outside, and all names are escaped."""
    inputs = "".join(
        f"<tr><td>{escape(role)}</td>"
        f'<td class="file">{escape(str(found.source.file))}</td>'
        f"<td>{escape(found.name or '–')}</td><td>{escape(str(list(found.values.shape)))}</td></tr>"
        for role, found in study.inputs.items()
    )
    sections = "".join(section(one) for one in study.measured)
    missing = "".join(
        f"<li><strong>{escape(one.title)}</strong> needs {escape(one.needs)}.</li>"
        for one in study.missing
    )
    head = "<tr><th>input</th><th>file</th><th>array</th><th>shape</th></tr>"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>What the activations tell</title>
<meta name="generator" content="{MADE_BY}">
<meta name="viewport" content="width=device-width,initial-scale=1">
<style>{STYLE}</style></head><body>
<h1>What the activations tell</h1>
<p>Every number stands beside its chance level, where it has one. Definitions:
docs/measures.md of interpreting-clip.</p>
{wide(f"<table>{head}{inputs}</table>", "Inputs") if inputs else ""}
{sections}
{f"<h2>Not measured</h2><ul>{missing}</ul>" if missing else ""}
</body></html>
"""


def section(one: Measured) -> str:
    """Return a measure's part of the page."""
    notes = "".join(f'<p class="note">{escape(note)}</p>' for note in one.result.notes)
    charts = "".join(f"<figure>{chart}</figure>" for chart in one.charts)
    return (
        f'<section id="{escape(one.name)}"><h2>{escape(one.title)}</h2>'
        f"{wide(html_table(one.result.numbers), one.title)}{notes}{charts}</section>"
    )


def wide(table: str, label: str) -> str:
    """Let a table scroll sideways where the window is narrow, with the keyboard too."""
    return (
        f'<div class="wide" role="region" aria-label="{escape(label)}" tabindex="0">{table}</div>'
    )
