"""The end of `make repro`: list the results, and what changed since the last commit.

    python -m tools.outcome

Where results differ from those in git, it names the commands that show how and why. Without a
commit of this folder it says nothing of commits.

It also writes `plots/computed.js`, from which the page shows when, at which commit and on which
processor it was computed. These differ where results are equal, so git ignores the file.
"""

import filecmp
import json
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from interpreting_clip.config.params import PARAMS
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.errors import InputError
from interpreting_clip.formats.json import write_whole
from runner.process import launch
from tools.cache import LOCK, files_below
from tools.compare import write_revision

REPORT, COMPUTED = Path("plots/report.html"), Path("plots/computed.js")
PUBLISHED = Path("plots/published.html")
"""The page of published models; a study may be without it."""

WAYS = """\
  dvc metrics diff                     shows which headline numbers differ
  dvc params diff                      shows which settings and code differ
  make compare A=HEAD B=.              checks each result within a tolerance
  git checkout metrics plots dvc.lock  restores the commit's results
  make repro                           then restores these, without training again
If settings and code are the commit's, the machine makes the difference: another build of torch or
numpy, an ARM processor or another without AVX2, a GPU, or `kernels: native`
(docs/reproducibility.md)."""


def main() -> None:
    """List the results, and compare them with the last commit."""
    study = load_tree(PARAMS)
    said = list(made(study))
    with tempfile.TemporaryDirectory() as folder:
        committed = Path(folder)
        try:
            write_revision("HEAD", committed)
        except (InputError, FileNotFoundError):
            pass  # a folder or a computer without git
        else:
            said += ["", *news(committed, list(study["encoders"]))]
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
    changes = (".", *(f":(exclude){path}" for path in ("metrics", "plots", LOCK)))
    try:
        head = git("rev-parse", "--short=12", "HEAD").strip()
        return f"{head} with changes" if git("status", "--porcelain", "--", *changes) else head
    except (subprocess.CalledProcessError, FileNotFoundError):
        return "unknown"


def git(*arguments: str) -> str:
    """Return what git says."""
    return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout


def processor() -> str:
    """Return the name of this machine's processor and its architecture."""
    info = Path("/proc/cpuinfo")
    named = (
        re.search(r"^model name\s*:\s*(.+)$", info.read_text(), re.M) if info.is_file() else None
    )
    name = named[1] if named else platform.processor()
    return f"{name or 'a processor without a name'} ({platform.machine()})"


def made(study: dict[str, Any]) -> Iterator[str]:
    """Yield the lines that list the results."""
    sizes = {name: len(study[name]) for name in ("encoders", "datasets", "comparisons")}
    counts = [f"{n} {name if n != 1 else name[:-1]}" for name, n in sizes.items()]
    yield f"The results of this study ({', '.join(counts)}):"
    places = {"plots/report.html": "the page to read"}
    if PUBLISHED.is_file():
        places[PUBLISHED.as_posix()] = "published models, and where yours stand among them"
    if any(Path("plots/directions").glob("*/index.html")):
        places["plots/directions/<encoder>/index.html"] = "what each direction responds to"
    places["dvc metrics show | less -S"] = "headline numbers (before it: . .venv/bin/activate)"
    width = max(map(len, places))
    yield from (f"  {place:<{width}}  {what}" for place, what in places.items())


def news(committed: Path, encoders: Sequence[str]) -> Iterator[str]:
    """Yield the lines that set the results here against those in a folder of the last commit."""
    known = [key for key in encoders if (committed / f"metrics/encoders/{key}.json").is_file()]
    if not known:
        yield "The last commit has no results for this study's encoders."
        return
    if fresh := len(encoders) - len(known):
        yield f"The last commit has no results for {fresh} of the {len(encoders)} encoders."
    files = [
        file.relative_to(committed)
        for folder in ("metrics", "plots")
        for file in files_below(committed / folder)
    ]
    changed = [f for f in files if f.is_file() and not filecmp.cmp(f, committed / f, shallow=False)]
    if not changed:
        these = "The other results" if fresh else "The results"
        yield f"{these} in metrics/ and plots/ are identical to the commit's, byte for byte."
        return
    yield f"{len(changed)} of the last commit's files in metrics/ and plots/ have changed."
    yield WAYS


if __name__ == "__main__":
    launch(main)
