"""Each stage computes the same bytes from no more code than its fingerprint counts."""

import json
import shutil

import pytest

from runner.fingerprint import COMPUTING, branch_name, fingerprinted
from runner.graph import loop_entries, read_entry
from runner.inputs import content_md5, read_lock
from runner.records import FOLDER
from tests.pipeline.workspace import Workspace
from tests.reads import GRAPH, ROOT
from tests.stress.reduced_code import write_reduced

UNUSED = {
    "probe": {"pandas"},  # scikit-learn imports it where it is
}
WITH_TEMPLATES = ("browse", "published_page", "report")
"""Elsewhere, transformers imports jinja2 for chat templates, of which it fills none."""


@pytest.fixture(scope="module")
def reduced(nano: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Return a copy of the finished study, whose code each test replaces."""
    copy = tmp_path_factory.mktemp("reduced") / "nano"
    return Workspace(shutil.copytree(nano.folder, copy, symlinks=True))


@pytest.mark.parametrize("stage", sorted({*GRAPH} - {"code"}))
def test_a_stage_needs_nothing_that_its_fingerprint_leaves_out(reduced, tmp_path, stage):
    lock, params = read_lock(reduced.folder / "dvc.lock"), reduced.params()
    branches = {}
    for key in loop_entries(GRAPH[stage], params):
        entry = read_entry(stage, key, params, reduced.folder / "dvc.yaml")
        branches[branch_name(entry)] = entry
    (reduced.folder / "code.json").write_text("{}")  # with which the code would be compared
    for branch, entry in branches.items():
        shutil.rmtree(reduced.folder / FOLDER, ignore_errors=True)  # of the stage before
        removed = write_reduced(stage, branch, ROOT, reduced.folder)
        assert all(removed), entry.name
        for number, out in enumerate(entry.outs):
            (reduced.folder / out).rename(tmp_path / f"{branch}{number}")
        reduced.spied.unlink(missing_ok=True)
        reduced.run("python", "-m", "stages", *filter(None, (stage, entry.key)), spy=True)
        found = {out: content_md5(reduced.folder / out) for out in entry.outs}
        assert found == lock[entry.name].outs
        (process,) = map(json.loads, reduced.spied.read_text().splitlines())
        loaded = {COMPUTING[name] for name in COMPUTING.keys() & set(process["packages"])}
        loaded -= UNUSED.get(stage, set()) | (set() if stage in WITH_TEMPLATES else {"jinja2"})
        assert stage == "study" or loaded <= fingerprinted(stage, branch)["packages"].keys()
