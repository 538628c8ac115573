"""Two results are compared output by output, in folders and in revisions."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from interpreting_clip.config.syntax import load_tree
from interpreting_clip.formats.arrays import write_tensors
from tools.__main__ import main
from tools.cache import locked_outputs
from tools.compare import (
    TOLERANCES,
    Difference,
    file_differences,
)


def compare(capsys, *arguments: str) -> tuple[int, list[str]]:
    """Return with what a comparison ends, and its lines."""
    try:
        main("compare", *arguments)
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
        assert compare(capsys, ".", same) == (0, ["identical: 3"])


def test_what_differs_is_named_with_its_stage(workspace, other, capsys):
    (other / "data/drawn/2.txt").write_text("three\n")
    (other / "code.json").write_text('{"draw": 2}')
    code, lines = compare(capsys, ".", str(other))
    assert code == 1
    assert lines[0] == "other code code code.json: draw: 1, 2"
    assert lines[1].startswith("differs   draw data/drawn: 2.txt: MD5: ")
    assert compare(capsys, ".", str(other), "--only", "code.json")[0] == 0


def rename_output(folders: tuple[Path, ...], name: str) -> list[Path]:
    """Give the last output of both results another name, without its file."""
    for folder in folders:
        (folder / "data/count.txt").unlink()
        lock = folder / "dvc.lock"
        lock.write_text(lock.read_text().replace("data/count.txt", f"data/{name}"))
    return [folder / "data" / name for folder in folders]


def test_a_small_difference_agrees_until_the_tolerance_is_smaller(workspace, other, capsys):
    files = rename_output((Path(), other), "count.json")
    for file, value in zip(files, (2.0, 2.0005), strict=True):
        file.write_text(f'{{"count": {value}}}')
    code, lines = compare(capsys, ".", str(other))
    assert (code, lines[0]) == (0, "agrees    count data/count.json: count: 2.0, 2.0005")
    assert compare(capsys, ".", str(other), "--relative", "0")[0] == 1


def test_which_of_near_equal_scores_comes_first_is_not_compared(workspace, other, capsys):
    files = rename_output((Path(), other), "ends.safetensors")
    for file, first, score in zip(files, ([3, 5], [5, 3]), (2.0, 2.0001), strict=True):
        arrays = {"directions.top": np.array([first]), "directions.top_scores": np.array([[score]])}
        write_tensors(file, arrays)
    assert compare(capsys, ".", str(other), "--arrays", "1e-3")[0] == 0
    code, lines = compare(capsys, ".", str(other), "--arrays", "1e-6")
    assert code == 1 and "directions.top_scores" in lines[0]


def test_an_output_that_is_not_there_is_missing_unless_the_lock_files_agree(
    workspace, other, capsys
):
    shutil.rmtree(other / "data/drawn")
    assert compare(capsys, ".", str(other)) == (0, ["identical: 3"])
    lock = other / "dvc.lock"
    (drawn,) = (output for output in locked_outputs(other) if output.path == "data/drawn")
    lock.write_text(lock.read_text().replace(drawn.md5, f"{'0' * 32}.dir"))
    code, lines = compare(capsys, ".", str(other))
    assert (code, lines[0][:26]) == (1, "missing   draw data/drawn:")
    tree = load_tree(lock)
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


def found(tmp_path: Path, name: str, first: object, second: object) -> list[Difference]:
    files = tmp_path / "first", tmp_path / "second"
    for file, content in zip(files, (first, second), strict=True):
        if name.endswith(".safetensors"):
            write_tensors(file, content)  # pyright: ignore
        else:
            file.write_text(content if isinstance(content, str) else json.dumps(content))
    tolerance = {key: value for key, (value, _) in TOLERANCES.items()}
    first_file, second_file = ({name: file} for file in files)
    found = file_differences(first_file, second_file, tolerance)
    return [(size, where) for size, where in found if size]


NUMBERS = {
    "metrics/x.json": ({"kurtosis": 2.0}, {"kurtosis": 2.001}, 1 / 2.101),
    "metrics/y.json": ({"shifts": 50.0}, {"shifts": 50.1}, 0.5),
    "plots/x.json": ({"robustness": {"natural": 1.0}}, {"robustness": {"natural": 1.4}}, 2.0),
    "plots/x.csv": ("imagenet,label\n88.0,rn\n", "imagenet,label\n88.1,rn\n", 0.5),
    "data/training/x.tsv": ("step\taccuracy\n1\t0.3\n", "step\taccuracy\n1\t0.301\n", 0.5),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_are_weighed_by_what_is_allowed(tmp_path, name):
    first, second, expected = NUMBERS[name]
    ((size, where),) = found(tmp_path, name, first, second)
    assert size == pytest.approx(expected) and where.startswith(f"{name}: ")


def test_what_is_no_number_has_to_be_the_same(tmp_path):
    for first, second, where in (
        ({"a": 1}, {"b": 1}, "a: in A only"),
        ({"a": "rn"}, {"a": "vit"}, "a: rn, vit"),
        ({"a": None}, {"a": 0.0}, "a: None, 0.0"),
        ({"a": 1.0}, {"a": math.nan}, "a: 1.0, nan"),
    ):
        difference = found(tmp_path, "x.json", first, second)[0]
        assert difference == (math.inf, f"x.json: {where}")


def arrays(shift: float = 0.0, **more) -> dict[str, np.ndarray]:
    values = np.linspace(-4, 2, 12, dtype=np.float32).reshape(4, 3)
    values[2, 1] += shift
    return {"values": values, "classes": np.arange(4), **more}


def test_arrays_are_weighed_by_their_largest_value(tmp_path):
    ((size, _),) = found(tmp_path, "data/x.safetensors", arrays(), arrays(2e-4))
    assert size == pytest.approx(0.5, rel=1e-2)
    ((ranked, _),) = found(tmp_path, "data/concepts/x.safetensors", arrays(), arrays(2e-4))
    assert ranked < size / 50


def test_classes_shapes_and_other_files_have_to_be_the_same(tmp_path):
    other = arrays(classes=np.array([0, 1, 3, 3]))
    where = [where for _, where in found(tmp_path, "x.safetensors", arrays(), other)]
    assert where == ["x.safetensors: classes: 1 of 4 values"]
    for second in (arrays(classes=np.arange(3)), {"values": arrays()["values"]}):
        ((size, _),) = found(tmp_path, "x.safetensors", arrays(), second)
        assert size == math.inf
    assert found(tmp_path, "x.tar", "ab", "ac")[0][0] == math.inf
