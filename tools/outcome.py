"""The end of `make repro`: list the results, and what changed since the last commit.

    python -m tools.outcome

Where results differ from those in git, it names the commands that show how and why. Without a
commit of this folder it says nothing of commits.

It also writes `plots/computed.js`, from which the page shows when, at which commit and on which
processor it was computed. These differ where results are equal, so git ignores the file.
"""

import json
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
from interpreting_clip.kernels import PROCESSOR, unportable_processor
from runner.process import launch
from tools.cache import LOCK

REPORT, COMPUTED = Path("plots/report.html"), Path("plots/computed.js")
PUBLISHED = Path("plots/published.html")

WAYS = """\
  dvc metrics diff                     shows which headline numbers differ
  dvc params diff                      shows which settings and code differ
  make compare A=HEAD B=.              checks each result within a tolerance
  git checkout metrics plots dvc.lock  restores the commit's results
  make repro                           then restores these, without training again"""


def main() -> None:
    """List the results, and compare them with the last commit."""
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
    """Return the name of this machine's processor, where the system has one, and its architecture.

    Linux has no name of most ARM processors.
    """
    if sys.platform == "darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        name = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    else:
        info = PROCESSOR.read_text() if PROCESSOR.is_file() else ""
        named = re.search(r"^(?:model name|Model)\s*:\s*(.+)$", info, re.M)
        name = named[1] if named else ""
    return f"{name or 'a processor without a name'} ({platform.machine()})"


def cause() -> str:
    """Say why results differ from the commit's, if settings and code do not."""
    if load_tree(PARAMS).get("kernels") == "portable" and (lacking := unportable_processor()):
        return (
            f"This processor, {lacking}, computed with its native kernels, since it has no\n"
            "portable ones: digits differ from those of x86-64 processors with AVX2, also where\n"
            "settings and code are the commit's (docs/reproducibility.md)."
        )
    return (
        "If settings and code are the commit's, the machine makes the difference: another build\n"
        "of torch or numpy, a GPU, or `kernels: native` (docs/reproducibility.md)."
    )


def made(encoders: Iterable[str]) -> Iterator[str]:
    """Yield the lines that list what to open; of these encoders' pages, the first that is there."""
    pages = [f"plots/directions/{key}/index.html" for key in encoders]
    yield "The results of this study:"
    for place, what in {
        str(REPORT): "the page to read",
        "docs/tutorial_page.md": "how to read it, section by section",
        next((page for page in pages if Path(page).is_file()), ""): "what each direction encodes",
        str(PUBLISHED): "published models, and where yours stand among them",
    }.items():
        if Path(place).is_file():
            yield f"  {place:<45}  {what}"
    command = "dvc metrics show | less -S"
    yield f"  {command:<45}  headline numbers (before it: . .venv/bin/activate)"


def news(encoders: Collection[str]) -> Iterator[str]:
    """Yield lines that compare the results with those of the last commit, if there is one."""
    try:
        committed = git("ls-tree", "--name-only", "HEAD", "metrics/encoders/").split()
    except (subprocess.CalledProcessError, FileNotFoundError):
        return  # a folder or a computer without git
    yield ""
    fresh = sum(f"metrics/encoders/{key}.json" not in committed for key in encoders)
    if fresh:
        yield f"The last commit has no results for {fresh} of the {len(encoders)} encoders."
    if fresh == len(encoders):
        return
    changed = git(
        "diff", "--name-only", "--diff-filter=M", "HEAD", "--", "metrics", "plots"
    ).split()
    if changed:
        yield f"{len(changed)} of the last commit's files in metrics/ and plots/ have changed."
        yield WAYS
        yield cause()
    else:
        which = "All others" if fresh else "The results in metrics/ and plots/"
        yield f"{which} are identical to the commit's, byte for byte."


if __name__ == "__main__":
    launch(main)
