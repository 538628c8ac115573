"""The end of `make repro`: list the results, and what changed since the last commit.

It also writes `plots/computed.js`, from which the page shows when, at which commit and on which
processor it was computed. These differ where results are equal, so git ignores the file.
"""

import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from interpreting_clip.config.params import PARAMS
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.formats.json import write_whole
from interpreting_clip.kernels import PROCESSOR
from tools.cache import LOCK

REPORT, COMPUTED = Path("plots/report.html"), Path("plots/computed.js")
PUBLISHED = Path("plots/published.html")

CHANGED = """\
  dvc metrics diff                     shows which headline numbers differ
  dvc params diff                      shows which settings and code differ
  make compare A=HEAD B=.              checks each result within a tolerance
  git checkout metrics plots dvc.lock  restores the commit's results
  make repro                           then restores these, without training again
If settings and code are the commit's, the machine makes the difference (docs/guarantees.md):
another build of torch or numpy, a GPU, native kernels, or a processor without portable ones."""


def report() -> None:
    """List the results, compare them with the last commit, and record where they were computed."""
    study = load_tree(PARAMS)
    said = [*made(study["browse"]["encoders"]), *news(study["encoders"])]
    sys.stdout.write("".join(f"{line}\n" for line in said))
    record()


def record() -> None:
    """Write `plots/computed.js`, unless it is about this very page already.

    So a page that comes out the same again keeps its first date.
    """
    page = REPORT.read_text() if REPORT.is_file() else ""
    digest = re.search(r'data-digest="([0-9a-f]{64})"', page)
    if digest and not (COMPUTED.is_file() and digest[1] in COMPUTED.read_text()):
        computed = {
            "digest": digest[1],
            "date": f"{datetime.now(UTC):%Y-%m-%d}",
            "commit": commit(),
            "processor": processor(),
        }
        write_whole(COMPUTED, f"window.computed = {json.dumps(computed)};\n".encode())


def commit() -> str:
    """Return the commit that is checked out, and whether anything but results has changed."""
    results = [f":(exclude){path}" for path in ("metrics", "plots", LOCK)]
    head = git("rev-parse", "--short=12", "HEAD").strip()
    changed = head and git("status", "--porcelain", "--", ".", *results)
    return f"{head} with changes" if changed else head or "unknown"


def git(*arguments: str) -> str:
    """Return what git says; nothing without git, a repository or a commit."""
    try:
        ended = subprocess.run(["git", *arguments], check=False, capture_output=True, text=True)
    except FileNotFoundError:
        return ""
    return "" if ended.returncode else ended.stdout


def processor() -> str:
    """Return the name of this machine's processor, where the system has one, and its architecture.

    Linux has no name of most ARM processors.
    """
    info = PROCESSOR.read_text() if PROCESSOR.is_file() else ""
    named = re.search(r"^(?:model name|Model)\s*:\s*(.+)$", info, re.M)
    name = named[1] if named else platform.processor() or "a processor without a name"
    return f"{name} ({platform.machine()})"


def made(encoders: Iterable[str]) -> Iterator[str]:
    """Yield the lines that list what to open; of these encoders' pages, the first that is there."""
    pages = [f"plots/directions/{key}/index.html" for key in encoders]
    yield "The results of this study:"
    for place, what in {
        str(REPORT): "the page to read",
        "docs/tutorial_page.md": "how to read it, section by section",
        next(filter(os.path.isfile, pages), ""): "what each direction encodes",
        str(PUBLISHED): "published models, and where yours stand among them",
    }.items():
        if Path(place).is_file():
            yield f"  {place:<45}  {what}"
    command = "dvc metrics show"
    yield f"  {command:<45}  headline numbers (before it: . .venv/bin/activate)"


def news(encoders: Collection[str]) -> Iterator[str]:
    """Yield lines that compare the results with those of the last commit, if there is one."""
    if not git("rev-parse", "HEAD"):
        return
    yield ""
    committed = git("ls-tree", "--name-only", "HEAD", "metrics/").split()
    fresh = sum(f"metrics/{key}.json" not in committed for key in encoders)
    if fresh:
        yield f"Encoders without results in the last commit: {fresh} of {len(encoders)}"
    modified = ("diff", "--name-only", "--diff-filter=M", "HEAD", "--", "metrics", "plots")
    changed = git(*modified).split()
    if changed and fresh < len(encoders):
        yield f"Files of the last commit in metrics/ and plots/ that have changed: {len(changed)}"
        yield CHANGED
    elif fresh < len(encoders):
        which = "All others" if fresh else "The results in metrics/ and plots/"
        yield f"{which} are identical to the commit's, byte for byte."
