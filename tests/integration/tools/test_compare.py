"""Two results are compared output by output, in folders and in revisions."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from interpreting_clip.formats.tensors import write_tensors
from tools.__main__ import main
from tools.compare import differences


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
    """Return a second folder with the same result."""
    return shutil.copytree(workspace.folder, workspace.folder.with_name("other"))


def test_what_differs_is_named(workspace, other, capsys):
    assert compare(capsys, ".", str(other)) == (0, ["identical: 2"])
    Path("dvc.yaml").write_text(Path("dvc.yaml").read_text().replace("echo one", "echo 1"))
    workspace.repro()
    code, lines = compare(capsys, ".", str(other))
    assert code == 1 and lines[0].startswith("differs data/drawn/1.txt: MD5: ")
    assert lines[1:] == ["differs: 1, identical: 1"]


def test_an_output_that_is_not_there_is_missing_unless_the_lock_files_agree(
    workspace, other, capsys
):
    for name in ("data/drawn", ".dvc/cache"):
        shutil.rmtree(other / name)
    assert compare(capsys, ".", str(other))[0] == 0
    Path("dvc.yaml").write_text(Path("dvc.yaml").read_text().replace("echo one", "echo 1"))
    workspace.repro()
    code, lines = compare(capsys, ".", str(other))
    assert code == 1 and lines[0].startswith("differs data/drawn/") and "missing in B" in lines[0]


def test_revisions_are_read_from_git_and_the_cache(workspace, capsys):
    workspace.run("git", "config", "user.name", "test")
    workspace.run("git", "config", "user.email", "test@localhost")
    workspace.commit("One")
    graph = Path("dvc.yaml")
    graph.write_text(graph.read_text().replace("wc -l > data/count.txt", "wc -l > data/n.json"))
    graph.write_text(graph.read_text().replace("outs: [data/count.txt]", "outs: [data/n.json]"))
    workspace.repro()
    workspace.commit("Two")
    graph.write_text(graph.read_text().replace("wc -l", "wc -l | sed s/2/2.001/"))
    workspace.repro()
    workspace.commit("Three")
    shutil.rmtree("data")
    code, lines = compare(capsys, "HEAD~1", "HEAD")
    assert code == 0 and lines[0].startswith("agrees  data/n.json: 2, 2.001: ")
    assert compare(capsys, "HEAD~2", "HEAD")[0] == 1


def found(tmp_path: Path, name: str, first: object, second: object) -> list[tuple[float, str]]:
    files = tmp_path / "first", tmp_path / "second"
    for file, content in zip(files, (first, second), strict=True):
        if name.endswith(".safetensors"):
            write_tensors(file, content)  # pyright: ignore
        else:
            file.write_text(content if isinstance(content, str) else json.dumps(content))
    found = differences(name, *({name: file} for file in files))
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
    for first, second in (("rn", "vit"), (None, 0.0), (1.0, math.nan), (1.0, [])):
        ((size, where),) = found(tmp_path, "x.json", {"a": first}, {"a": second})
        assert size == math.inf and where.startswith("x.json: a: ")


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
    for second in (
        arrays(classes=np.array([0, 1, 3, 3])),
        arrays(classes=np.arange(3)),
        {"values": arrays()["values"]},
    ):
        ((size, where),) = found(tmp_path, "x.safetensors", arrays(), second)
        assert size == math.inf and where.startswith("x.safetensors: classes")
    assert found(tmp_path, "x.tar", "ab", "ac")[0][0] == math.inf
