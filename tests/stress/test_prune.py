"""What `make prune` removes of a study that has run, and what it must not."""

import sys

import pytest
from dvc.lock import Lock

from tests.pipeline.workspace import Workspace

KEY, COMPARISON = "rn_web_broad_finetuned", "rn_finetuning"
OWN = ("metrics/notes.md", "plots/encoders/.json", "data/activations/My notes/a.txt")
"""Files of somebody's own, which no output is called like."""


@pytest.fixture
def smaller(clean: Workspace):
    """Take an encoder and its comparison out of the study, and put files of one's own beside."""
    clean.change(f"encoders.{KEY}", None)
    clean.change(f"finetune.{KEY}", None)
    clean.change(f"comparisons.{COMPARISON}", None)
    clean.change("recipes.finetuning", None)  # nothing else uses it
    for name in OWN:
        (clean.folder / name).parent.mkdir(exist_ok=True)
        (clean.folder / name).write_text("mine")
    yield clean
    for name in OWN:
        (clean.folder / name).unlink()
    (clean.folder / OWN[-1]).parent.rmdir()


def prune(workspace: Workspace, *options: str, ok: bool = True) -> str:
    return workspace.run(sys.executable, "-m", "tools", "prune", *options, ok=ok)


def stale(workspace: Workspace) -> dict[str, dict]:
    """Return the entries of dvc.lock that no longer stand for anything."""
    ends = (f"@{KEY}", f"@{COMPARISON}")
    return {name: entry for name, entry in workspace.lock().items() if name.endswith(ends)}


def outputs(entries: dict[str, dict]) -> set[str]:
    return {out["path"] for entry in entries.values() for out in entry["outs"]}


def there(workspace: Workspace) -> dict[str, int]:
    """Return every file of the clone that a study or a person makes, with when it was changed."""
    folders = [workspace.folder / name for name in ("data", "metrics", "plots")]
    found = [p for f in folders for p in f.rglob("*") if p.is_file()]
    found += [workspace.folder / name for name in ("code.json", "dvc.lock")]
    return {str(p.relative_to(workspace.folder)): p.stat().st_mtime_ns for p in found}


def test_shows_what_the_encoder_left_and_removes_nothing_else(smaller):
    before, left, lock = there(smaller), stale(smaller), smaller.lock()
    said = prune(smaller)
    words = {line.split()[0] for line in said.splitlines()}
    assert {word for word in words if word in lock} == set(left)
    assert {word for word in words if (smaller.folder / word).exists()} == outputs(left)
    assert "make prune YES=1" in said.splitlines()[-1]
    with Lock(str(smaller.folder / ".dvc/tmp/lock")):
        assert "another DVC process" in prune(smaller, "--yes", ok=False)
    assert there(smaller) == before
    prune(smaller, "--yes")
    gone = {name for name in before if name.startswith(tuple(outputs(left)))}
    after = there(smaller)
    assert after.keys() == before.keys() - gone
    assert all(after[name] == before[name] for name in after.keys() - {"dvc.lock"})
    assert stale(smaller) == {}
    added, _, file = smaller.run("git", "diff", "--numstat", "dvc.lock").split()
    assert (added, file) == ("0", "dvc.lock")
    assert smaller.repro() == {"study", "report"}
    assert prune(smaller).startswith("Nothing to prune")
