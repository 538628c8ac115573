"""`make site`: one folder with the pages and what they show, for any host of static files.

    python -m tools.site [--to FOLDER] [--encoders KEY ...] [--repository URL]

It holds the pages of `plots/` under the same names, with their data, and an index that says how to
cite them. The folder is built next to its place and replaces an older site only if every link
inside leads somewhere, so a failure changes nothing.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import humanize
import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from interpreting_clip.config.params import PARAMS
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.errors import InputError
from page.drawings import script_json
from runner.process import launch
from tools.cache import files_below
from tools.citation import CITATION, bibtex, cited_paper
from tools.html_links import Page, dead_links, with_links
from tools.outcome import COMPUTED, PUBLISHED, REPORT, commit

PLOTS, METRICS, DIRECTIONS = Path("plots"), Path("metrics"), Path("plots/directions")

LICENSE = Path("LICENSE")

PAGES = {
    PUBLISHED: "Zero-shot, finetuned and supervised models that others have published, with their "
    "effective robustness, its intervals, and where each figure comes from.",
    REPORT: "This study: what was measured of its encoders, and what it says about the claims of "
    "the paper.",
}
"""The pages, with what the index says of each."""

SCRIPT = PLOTS / "vega.js"
"""Draws the pages' charts. They load it when a chart comes into view, so no link names it."""

SWITCH = DIRECTIONS / "encoders.js"
"""Lets a direction's page lead to other encoders; without it, pages have no switch."""

BESIDE = ("*.csv", "*.json", "*.svg")
"""What else lies beside the pages in `plots/`: their data and pictures."""

TEMPLATES = Path(__file__).parent / "templates"

GENERATOR = "interpreting-clip, make site"
"""In the index of each site, so that no other folder is replaced by one."""

SHOWN = 10
"""The most dead links that an error names."""


def main(*arguments: str) -> None:
    """Write the site and say what is in it."""
    parser = argparse.ArgumentParser(prog="python -m tools.site", description=__doc__)
    parser.add_argument("--to", type=Path, default=Path("site"), help="the folder; default: site")
    parser.add_argument(
        "--encoders",
        nargs="+",
        metavar="KEY",
        help="whose directions to include; default: all that have pages",
    )
    parser.add_argument("--repository", default="", metavar="URL", help="where the code is")
    options = parser.parse_args(arguments)
    study = load_tree(PARAMS)
    encoders = chosen_encoders(study, options.encoders)
    origin = origin_of(commit(), options.repository.rstrip("/"))
    with replaced(options.to) as folder:
        fill(folder, encoders)
        replace_links(folder, encoders, origin["tree"])
        write_index(folder, study, encoders, origin)
        require_links(folder)
        files = [file for file in folder.rglob("*") if file.is_file()]
        size = humanize.naturalsize(sum(file.stat().st_size for file in files))
    sys.stdout.write(
        f"{options.to}/index.html: {len(files)} files, {size}, with the directions of "
        f"{len(encoders)} of {len(study['encoders'])} encoders; every link inside was followed.\n"
    )


def origin_of(head: str, repository: str) -> dict[str, str]:
    """Return the commit, the repository's URL, and the URL of the commit's files there.

    A commit with changes has no files anywhere else, and no repository is no URL.
    """
    tree = f"{repository}/tree/{head}" if repository and " " not in head else ""
    return {"commit": head, "repository": repository, "tree": tree}


def chosen_encoders(study: Mapping[str, Any], chosen: Sequence[str] | None) -> list[str]:
    """Return the encoders whose directions the site has, in the order of `browse.encoders`.

    Raises
    ------
    InputError
        A chosen encoder has no pages of directions here.
    """
    asked = study["browse"]["encoders"]  # those of others may be left from an earlier study
    known = [key for key in asked if (DIRECTIONS / key / "index.html").is_file()]
    if chosen is None:
        return known
    if missing := [key for key in chosen if key not in known]:
        raise InputError(
            f"ENCODERS: {missing[0]!r} has no pages in {DIRECTIONS}; expected some of "
            f"{', '.join(known) or 'none, since there are no pages'}; `make repro` or `dvc pull "
            f"{DIRECTIONS}/{missing[0]}` makes them"
        )
    return [key for key in known if key in chosen]


@contextmanager
def replaced(folder: Path) -> Iterator[Path]:
    """Give an empty folder, which takes the place of `folder` if the `with` block succeeds.

    Raises
    ------
    InputError
        In its place is something else than an older site.
    """
    index = folder / "index.html"
    ours = index.is_file() and GENERATOR in index.read_text("utf-8", errors="replace")
    if folder.is_symlink() or (folder.exists() and not ours and not is_empty(folder)):
        raise InputError(
            f"{folder}: expected nothing, or a site that `make site` made, got something else; "
            "move it away, or choose another folder with `make site SITE=folder`"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Beside it, so that both are on one disk and renaming is enough.
    beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        new, old = beside / "new", beside / "old"
        new.mkdir()
        yield new
        if folder.exists():
            folder.rename(old)
        try:
            new.rename(folder)
        except OSError:
            if old.exists():
                old.rename(folder)
            raise
    finally:
        shutil.rmtree(beside)


def is_empty(folder: Path) -> bool:
    """Say whether this is a folder with nothing in it."""
    return folder.is_dir() and next(folder.iterdir(), None) is None


def fill(folder: Path, encoders: Sequence[str]) -> None:
    """Copy the pages and what they show.

    Raises
    ------
    InputError
        There is no page, or no script for its charts.
    """
    for file in (REPORT, SCRIPT):
        if not file.is_file():
            raise InputError(f"{file}: no such file; `make repro` makes it, and the rest of a site")
    files = [page for page in (*PAGES, SCRIPT, COMPUTED) if page.is_file()]
    files += [file for pattern in BESIDE for file in sorted(PLOTS.glob(pattern))]
    files += [file for key in encoders for file in files_below(DIRECTIONS / key)]
    places = {file: file.relative_to(PLOTS) for file in files}
    others = (*sorted(METRICS.rglob("*.json")), PARAMS, CITATION, LICENSE)
    places |= {file: file for file in others if file.is_file()}
    for file, place in places.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, folder / place)
    if SWITCH.is_file():
        (folder / SWITCH.relative_to(PLOTS)).write_text(switch_of(encoders), "utf-8")


def switch_of(encoders: Sequence[str]) -> str:
    """Return the script of the switch between encoders, for those that the site has."""
    start, _, value = SWITCH.read_text("utf-8").partition("=")
    found = msgspec.json.decode(value.strip().removesuffix(";"))
    found["encoders"] = [one for one in found["encoders"] if one["key"] in encoders]
    return f"{start.strip()} = {script_json(found)};\n"


def replace_links(folder: Path, encoders: Sequence[str], tree: str) -> None:
    """Replace the pages' links to what the site leaves out.

    Links to the directions of other encoders become text. So do links to other files of the
    repository, or they lead to these files at `tree`, the URL of the commit, if there is one.
    """

    def replacement(file: PurePosixPath) -> str | None:
        if file.parts[:1] == ("directions",) and file.parts[1] not in encoders:
            return ""
        # The pages are in `plots/`, so what is outside of it belongs to the repository.
        if file.parts[:1] == ("..",) and (PLOTS / file).is_file():
            return f"{tree}/{PurePosixPath(*file.parts[1:])}" if tree else ""
        return None

    for page in folder.rglob("*.html"):
        place = PurePosixPath(page.relative_to(folder))
        page.write_text(with_links(page.read_text("utf-8"), place, replacement), "utf-8")


def write_index(
    folder: Path, study: Mapping[str, Any], encoders: Sequence[str], origin: Mapping[str, str]
) -> None:
    """Write the site's first page; `origin` has the commit, the repository's URL and its tree's."""
    pages = [
        {"file": page.name, "title": Page((folder / page.name).read_text("utf-8")).title, "text": t}
        for page, t in PAGES.items()
        if (folder / page.name).is_file()
    ]
    data = [
        {"file": file.name, **size_and_rows(file)}
        for pattern in ("*.csv", "*.json")
        for file in sorted(folder.glob(pattern))
    ]
    metrics = {key: f"{METRICS}/encoders/{key}.json" for key in study["encoders"]}
    citation = load_tree(CITATION)
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    html = templates.get_template("index.html.jinja").render(
        **origin,
        generator=GENERATOR,
        study=study["study"],
        pages=pages,
        encoders={key: study["encoders"][key]["label"] for key in encoders},
        data=data,
        metrics={key: file for key, file in metrics.items() if (folder / file).is_file()},
        message=citation["message"],
        bibtex=bibtex(citation, origin["commit"], origin["repository"]),
        paper=cited_paper(citation),
    )
    (folder / "index.html").write_text(html, "utf-8")


def size_and_rows(file: Path) -> dict[str, Any]:
    """Return a file's size, and the number of rows of a table."""
    content = file.read_bytes()
    rows = max(content.count(b"\n") - 1, 0) if file.suffix == ".csv" else None
    return {"size": humanize.naturalsize(len(content)), "rows": rows}


def require_links(folder: Path) -> None:
    """Refuse a site with links to what it does not have.

    Raises
    ------
    InputError
        Names the pages and the links.
    """
    dead = [f"{page}: links to {address}" for page, address in dead_links(folder)]
    if dead:
        more = [f"and {len(dead) - SHOWN} more"] if len(dead) > SHOWN else []
        raise InputError(
            "no site was written, since links on its pages lead nowhere; `make repro` makes pages "
            "that fit together",
            *dead[:SHOWN],
            *more,
        )


if __name__ == "__main__":
    launch(main)
