"""`make site`: one folder with the pages and what they link to, for any host of static files.

Files keep their paths, so that the links between them stay as they are; the index opens the study's
page.
"""

import argparse
import os
import re
import shutil
import sys
from html import unescape
from pathlib import Path
from urllib.parse import unquote, urlsplit

from interpreting_clip.errors import InputError
from tools.outcome import PUBLISHED, REPORT

BESIDE = (
    *("plots/*.*", "plots/directions/*.js", "metrics/**/*.json"),
    *("params.yaml", "CITATION.cff", "LICENSE"),
)
"""What the site has besides the pages and what they link to: data, and what scripts load."""

GENERATOR = "interpreting-clip, make site"
"""In the index of each site, so that no other folder is replaced by one."""

INDEX = f"""<!DOCTYPE html>
<meta charset="utf-8">
<meta name="generator" content="{GENERATOR}">
<meta http-equiv="refresh" content="0; url={REPORT}">
<title>Interpreting CLIP</title>
<a href="{REPORT}">The study</a>, <a href="{PUBLISHED}">published models</a>
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this verb."""
    parser.add_argument("--to", type=Path, default=Path("site"), help="the folder; default: site")


def main(*, to: Path = Path("site")) -> None:
    """Write the site and say what is in it."""
    index = to / "index.html"
    ours = index.is_file() and GENERATOR in index.read_text("utf-8", errors="replace")
    if to.exists() and not ours and not (to.is_dir() and not any(to.iterdir())):
        raise InputError(
            f"{to}: expected nothing, or a site that `make site` made, got something else; move it "
            "away, or choose another folder with `make site SITE=folder`"
        )
    files = linked_files()
    if ours:
        shutil.rmtree(to)
    for file in files:
        (to / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, to / file)
    index.write_text(INDEX, "utf-8")
    sys.stdout.write(f"{index}: opens {REPORT}, one of {len(files)} files\n")


def linked_files() -> list[Path]:
    """Return the pages, all that they link to, and what lies beside them."""
    if not REPORT.is_file():
        raise InputError(f"{REPORT}: no such file; `make repro` makes it, and the rest of a site")
    found = dict.fromkeys(sorted({file for pattern in BESIDE for file in Path().glob(pattern)}))
    pages = [file for file in found if file.suffix == ".html"]
    for page in pages:  # which grows
        for address in re.findall(r'\s(?:href|src)="([^"#]+)', page.read_text("utf-8")):
            url = urlsplit(unescape(address))
            if url.scheme or url.netloc:
                continue
            place = Path(os.path.relpath(page.parent / unquote(url.path)))
            if not place.is_file():
                raise InputError(
                    f"{page}: links to {place}, which is not there; `make repro` or `dvc pull` "
                    "makes it"
                )
            if place not in found:
                found[place] = None
                pages += [place] if place.suffix == ".html" else []
    return list(found)
