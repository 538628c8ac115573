"""Two results are compared output by output, in folders and in revisions."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from interpreting_clip.errors import InputError
from interpreting_clip.formats.arrays import write_tensors
from tools.cache import locked_outputs
from tools.compare import main


def compare(capsys, *arguments: str) -> tuple[int, list[str]]:
    """Return with what a comparison ends, and its lines."""
    try:
        main(*arguments)
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    return code, capsys.readouterr().out.splitlines()


@pytest.fixture
def other(workspace) -> Path:
    """Return a second folder with the same result, as nobody's links."""
    folder = shutil.copytree(workspace.folder, workspace.folder.with_name("other"))
    for file in (folder / "data").rglob("*.*"):
        if file.is_file():
            file.chmod(0o644)
    return folder


def test_a_result_is_identical_to_itself(workspace, other, capsys):
    for same in ("stages/..", str(other)):
        assert compare(capsys, ".", same) == (0, ["3 identical"])


def test_what_differs_is_named_with_its_stage(workspace, other, capsys):
    (other / "data/drawn/2.txt").write_text("three\n")
    (other / "code.json").write_text('{"draw": 2}')
    code, lines = compare(capsys, ".", str(other))
    assert code == 1
    assert lines[0] == "other code code code.json: draw: 1, 2"
    assert lines[1].startswith("differs   draw data/drawn: 2.txt: MD5: ")
    assert compare(capsys, ".", str(other), "--only", "code.json")[0] == 0


def test_a_small_difference_agrees_until_the_tolerance_is_smaller(workspace, other, capsys):
    for folder, value in ((Path(), 2.0), (other, 2.0005)):
        (folder / "data/count.txt").unlink()
        lock = folder / "dvc.lock"
        lock.write_text(lock.read_text().replace("data/count.txt", "data/count.json"))
        (folder / "data/count.json").write_text(f'{{"count": {value}}}')
    code, lines = compare(capsys, ".", str(other))
    assert (code, lines[0]) == (0, "agrees    count data/count.json: count: 2.0, 2.0005")
    assert compare(capsys, ".", str(other), "--relative", "0")[0] == 1


def test_which_of_near_equal_scores_comes_first_is_not_compared(workspace, other, capsys):
    for folder, first, score in ((Path(), [3, 5], 2.0), (other, [5, 3], 2.0001)):
        (folder / "data/count.txt").unlink()
        lock = folder / "dvc.lock"
        lock.write_text(lock.read_text().replace("data/count.txt", "data/ends.safetensors"))
        arrays = {"directions_top": np.array([first]), "directions_top_scores": np.array([[score]])}
        write_tensors(folder / "data/ends.safetensors", arrays)
    assert compare(capsys, ".", str(other), "--arrays", "1e-3")[0] == 0
    code, lines = compare(capsys, ".", str(other), "--arrays", "1e-6")
    assert code == 1 and "directions_top_scores" in lines[0]


def test_an_output_that_is_not_there_is_missing_unless_the_lock_files_agree(
    workspace, other, capsys
):
    shutil.rmtree(other / "data/drawn")
    assert compare(capsys, ".", str(other)) == (0, ["3 identical"])
    lock = other / "dvc.lock"
    (drawn,) = (output for output in locked_outputs(other) if output.path == "data/drawn")
    lock.write_text(lock.read_text().replace(drawn.md5, f"{'0' * 32}.dir"))
    code, lines = compare(capsys, ".", str(other))
    assert (code, lines[0][:26]) == (1, "missing   draw data/drawn:")
    tree = yaml.safe_load(lock.read_text())
    del tree["stages"]["count"]
    lock.write_text(yaml.safe_dump(tree))
    assert sum(line.startswith("missing") for line in compare(capsys, ".", str(other))[1]) == 2


def test_revisions_are_read_from_git_and_the_cache(workspace, capsys):
    workspace.run("git", "config", "user.name", "test")
    workspace.run("git", "config", "user.email", "test@localhost")
    workspace.commit("One")
    Path("stages/version").write_text('{"draw": 2}')
    graph = Path("dvc.yaml")
    graph.write_text(graph.read_text().replace("echo one", "echo 1"))
    workspace.repro()
    workspace.commit("Two")
    shutil.rmtree("data")
    code, lines = compare(capsys, "HEAD~1", "HEAD")
    assert code == 1
    assert lines[0] == "other code code code.json: draw: 1, 2"
    assert lines[1].startswith("differs   draw data/drawn: 1.txt: MD5: ")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["nothing", "."], "nothing: neither a folder nor a git revision"),
        ([".", "data"], "data: no dvc.lock.*`dvc repro`"),
        ([".", ".", "--only", "metrics/"], "no output of .* begins with metrics/"),
    ],
)
def test_bad_arguments_are_explained(workspace, arguments, expected):
    with pytest.raises(InputError, match=expected):
        main(*arguments)


def test_a_tolerance_below_0_is_refused(capsys):
    assert compare(capsys, ".", ".", "--points", "-1")[0] == 2
