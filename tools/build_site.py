"""`make site`: the documentation, which Zensical builds from zensical.toml, and the study's pages.

Nothing on the site is loaded from another host.
"""

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path

from interpreting_clip.config.params import PARAMS
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.errors import InputError

BUILT = Path(".scratch/site")
"""Where Zensical builds the site: `site_dir` in zensical.toml."""

PAGES = ("plots/report.html", "plots/published.html")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this verb."""
    parser.add_argument("--to", type=Path, default=Path("site"), help="the folder; default: site")


def main(*, to: Path = Path("site")) -> None:
    """Build the site in a folder that is new, empty or an older site."""
    directions = (
        f"plots/directions/{key}/index.html" for key in load_tree(PARAMS)["browse"]["encoders"]
    )
    for page in (*PAGES, *directions):
        if not Path(page).is_file():
            raise InputError(f"{page}: missing; run `make repro` or `dvc pull`")
    if to.exists() and not (to / "search.json").is_file() and (to.is_file() or any(to.iterdir())):
        raise InputError(f"{to}: not a site that `make site` made; choose another folder: SITE=…")
    shutil.rmtree(BUILT, ignore_errors=True)
    command = [sys.executable, "-m", "zensical", "build", "--strict"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        # In strict mode, a traceback follows the problems that Zensical explains.
        sys.stderr.write(done.stderr.partition("Traceback")[0] or done.stderr)
        raise InputError("docs: Zensical found the problems above; correct them")
    copy_pages()
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(BUILT, to)
    sys.stdout.write(
        f"{to / 'index.html'}: open it, or serve {to} with any web host; the search needs one, "
        f"such as `python -m http.server --directory {to}`\n"
    )


def copy_pages() -> None:
    """Copy the study's pages and their data; the documents that they name become links."""
    shutil.copytree("plots", BUILT / "plots")
    for page in PAGES:
        text = (BUILT / page).read_text("utf-8")
        (BUILT / page).write_text(DOCUMENT.sub(link_to_document, text), "utf-8")


DOCUMENT = re.compile(r'<span class="document" data-path="([^"]+)">(.*?) \(<code>.*?</span>')


def link_to_document(named: re.Match[str]) -> str:
    """Return a link to the site's page of a document; other documents keep their path."""
    path, words = named.groups()
    file, _, section = path.partition("#")
    page = "index.md" if file == "README.md" else file.removeprefix("docs/")
    target = (BUILT / page).with_suffix(".html")
    if not target.is_file():
        return named[0]
    address = f"../{target.relative_to(BUILT)}{'#' * bool(section)}{section}"
    return f'<a href="{address}">{words}</a>'
