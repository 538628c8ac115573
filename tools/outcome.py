"""The end of `make repro`: list the results, and what changed since the last commit.

    python -m tools.outcome

Where results differ from those in git, it says which headline numbers do, by how much, and what is
likely to be the cause. Without a commit of this folder it says nothing of commits.

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
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from interpreting_clip.config.params import PARAMS
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.errors import InputError, one_line
from interpreting_clip.formats.json import read_json, write_whole
from runner.process import launch
from tools.cache import LOCK, files_below
from tools.compare import leaves, number, write_revision

FIRST = ("study", "code")
"""The stages whose inputs are those of others: all of params.yaml, all modules."""

REPORT, COMPUTED = Path("plots/report.html"), Path("plots/computed.js")
PUBLISHED = Path("plots/published.html")
"""The page of published models; a study may be without it."""

SHOWN = 3
"""The most parameters of a file that are named."""

MACHINE = """\
Settings and code are the commit's, so the machine makes the difference: another build of torch or
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
            pass  # a folder without git, or a computer
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
    if lines := list(headlines(committed, known)):
        yield f"Headline numbers that differ, of {len(known)} encoders:"
        yield from lines
    else:
        yield "None of the headline numbers differs."
    yield from causes(committed)
    yield "  make compare A=HEAD B=.              checks each result within a tolerance"
    yield "  git checkout metrics plots dvc.lock  restores the commit's results"
    yield "  make repro                           then restores these, without training again"


def headlines(committed: Path, encoders: Sequence[str]) -> Iterator[str]:
    """Yield a line for each headline number that differs: for how many encoders, and how far."""
    differing = defaultdict(list)
    for key in encoders:
        file = Path(f"metrics/encoders/{key}.json")
        before, after = read_json(committed / file), read_json(file)
        for name in before.keys() & after.keys():
            nested = isinstance(before[name], dict)  # as an older release wrote them
            if before[name] != after[name] and not nested:
                differing[name].append((key, before[name], after[name]))
    width = max(map(len, differing), default=0)
    for name, found in sorted(differing.items()):
        key, before, after = max(found, key=lambda one: distance(*one[1:]))
        where = f"{len(found)} encoders, most in {key}" if len(found) > 1 else key
        yield one_line(f"  {name:<{width}}  {where}: {before} → {after}")


def distance(before: Any, after: Any) -> float:
    """Return the absolute difference, or infinity if either is missing."""
    a, b = number(before), number(after)
    return float("inf") if a is None or b is None else abs(a - b)


def causes(committed: Path) -> Iterator[str]:
    """Yield a line for each file that the results were made from, and that was another before."""
    before, after = made_from(committed / LOCK), made_from(Path(LOCK))
    changed = {place for place in before.keys() & after.keys() if before[place] != after[place]}
    keys = defaultdict(list)
    for file, *path in sorted(changed):
        keys[file] += [".".join(path)] if path else []
    for file, names in keys.items():
        if names:
            yield one_line(f"Since then {file} has other values: {some_of(names)}.")
    if files := [file for file, names in keys.items() if not names]:
        yield one_line(f"Since then these files have changed: {some_of(files)}.")
    if not keys:
        yield MACHINE


def some_of(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    rest = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def made_from(lock: Path) -> dict[tuple[str, ...], Any]:
    """Return what the stages of a lock file were run on and none of them makes.

    These are parameters, by file and keys, and files, by path, with their MD5.
    """
    stages = load_tree(lock).get("stages", {}) if lock.exists() else {}
    made = {out["path"] for entry in stages.values() for out in entry.get("outs", ())}
    found = {}
    for name, entry in stages.items():
        for place, value in leaves(entry.get("params", {}), ()):
            found[tuple(map(str, place))] = value
        for dep in entry.get("deps", ()) if name not in FIRST else ():
            if dep["path"] not in made and not dep["path"].startswith("plots/"):
                found[(dep["path"],)] = dep["md5"]
    return found


if __name__ == "__main__":
    launch(main)
