"""An edit while DVC records a result: nothing is filed under settings that it was not made with."""

import dataclasses
import sys
from pathlib import Path

import pytest

from runner.inputs import read_lock
from runner.records import FOLDER, leave_record, wrong_setting
from tests.pipeline.workspace import Workspace
from tests.reads import ROOT

GRAPH = """
stages:
  draw:
    cmd: python run.py draw && sh afterwards
    deps: [source.txt]
    params: [images]
    outs: [data/drawn]
  count:
    cmd: python run.py count
    deps: [data/drawn]
    outs: [data/counted]
"""
RUN = """
import sys
from runner.process import explained
from runner.run import main
with explained("run.py", False):
    main(*sys.argv[1:])
"""
DRAW = """
from pathlib import Path
def main(params, inputs, outputs):
    text = inputs["source.txt"].read_text().strip() * params.read("images", int)
    Path(outputs["data/drawn"], "drawn.txt").write_text(text)
"""
COUNT = """
from pathlib import Path
def main(params, inputs, outputs):
    drawn = Path(inputs["data/drawn"], "drawn.txt").read_text()
    Path(outputs["data/counted"], "count.txt").write_text(str(len(drawn)))
"""
FAST, PLAIN = (sys.executable, "-m", "tools", "fast-dvc"), ("dvc",)
EDITS = {"params.yaml: images": ("params.yaml", "3", "4"), "source.txt": ("source.txt", "a", "bb")}


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.chdir(tmp_path)
    for folder in ("stages", "data"):
        Path(folder).mkdir()
    files = {
        "dvc.yaml": GRAPH,
        "run.py": RUN,
        "stages/__init__.py": "",
        "stages/draw.py": DRAW,
        "stages/count.py": COUNT,
        "params.yaml": "images: 3\nkernels: native\n",
        "source.txt": "a\n",
        "afterwards": "",
    }
    for name, text in files.items():
        Path(name).write_text(text)
    workspace = Workspace(tmp_path)
    workspace.surroundings["PYTHONPATH"] = str(ROOT)
    workspace.run("git", "init", "--quiet")
    workspace.run("dvc", "init", "--quiet")
    return workspace


def replace(file: str, old: str, new: str) -> None:
    Path(file).write_text(Path(file).read_text().replace(old, new))


def ran(study: Workspace, program: tuple[str, ...]) -> list[str]:
    """Run `repro`, and return the stages that computed."""
    lines = study.run(*program, "repro").splitlines()
    return [line.split("'")[1] for line in lines if line.startswith("Running stage")]


def require_true_results(study: Workspace, program: tuple[str, ...], edit: tuple[str, ...]) -> None:
    """Run with the old value, and then with the new one, which nothing may bring from a cache."""
    Path("afterwards").write_text("")
    counted = Path("data/counted/count.txt")
    file, old, new = edit
    replace(file, new, old)
    assert ran(study, program) == ["draw", "count"] and counted.read_text() == "3"
    replace(file, old, new)
    assert ran(study, program) == ["draw", "count"]
    assert counted.read_text() == {"params.yaml": "4", "source.txt": "6"}[file]


@pytest.mark.parametrize("named", EDITS)
def test_fast_dvc_records_no_result_under_an_edited_setting(study, named):
    file, old, new = edit = EDITS[named]
    Path("afterwards").write_text(f"sed -i s/{old}/{new}/ {file}")
    said = study.run(*FAST, "repro", ok=False)
    assert "failed to reproduce 'draw'" in said and f"{named} was changed" in said
    assert not read_lock() and not [*FOLDER.iterdir()]
    require_true_results(study, FAST, edit)


@pytest.mark.parametrize("named", EDITS)
def test_the_next_stage_refuses_what_plain_dvc_recorded_wrongly(study, named):
    file, old, new = edit = EDITS[named]
    Path("afterwards").write_text(f"sed -i s/{old}/{new}/ {file}")
    for _ in range(2):
        said = study.run(*PLAIN, "repro", ok=False)
        assert f"stage draw is recorded with another value of {named}" in said
        assert "make fsck MEND=1" in said and not Path("data/counted").exists()
    assert f"draw: {named}" in study.run(sys.executable, "-m", "tools", "fsck", ok=False)
    study.run(sys.executable, "-m", "tools", "fsck", "--yes")
    require_true_results(study, PLAIN, edit)


def test_results_from_the_run_cache_and_of_another_branch_are_accepted(study):
    """The record of the last stage that ran is left, and is of another value than dvc.lock's."""
    assert ran(study, PLAIN) == ["draw", "count"]
    assert [file.stem for file in FOLDER.iterdir()] == ["count"]
    lock = Path("dvc.lock").read_bytes()
    replace("params.yaml", "3", "4")
    assert ran(study, PLAIN) == ["draw", "count"]
    replace("params.yaml", "4", "3")
    assert ran(study, PLAIN) == []
    replace("params.yaml", "3", "4")
    study.run(*PLAIN, "repro", "--single-item", "--force", "draw")
    replace("params.yaml", "4", "3")
    Path("dvc.lock").write_bytes(lock)
    study.run("dvc", "checkout", "--force")
    assert ran(study, PLAIN) == []
    replace("source.txt", "a", "c")
    assert ran(study, PLAIN) == ["draw", "count"]


def test_a_result_of_a_former_value_s_bytes_is_accepted_until_dvc_has_recorded_it(study):
    """Another job may have computed it and not yet have written dvc.lock."""
    ran(study, PLAIN)
    draw = read_lock()["draw"]
    leave_record("draw", {"params.yaml: images": 4, **draw.deps}, draw.outs)
    assert not wrong_setting("draw", draw)
    others = dataclasses.replace(draw, params=draw.params.replace("images: 3", "images: 5"))
    assert wrong_setting("draw", others) == "params.yaml: images"
    assert [file.stem for file in FOLDER.iterdir()] == ["count", "draw"]
