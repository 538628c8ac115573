"""A stage runs the source that is fingerprinted, whatever Python keeps or finds beside it."""

import importlib.util
import os
import py_compile
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from interpreting_clip.errors import InputError
from interpreting_clip.formats.json import read_json
from runner.bytecode import CHECKED, require_source, require_unshadowed
from runner.fingerprint import FINGERPRINTS

MODULES = ["stages/kurtosis.py", "interpreting_clip/measures/kurtosis.py"]
"""The stage itself, and a module that it imports."""

KURTOSIS = ("stages", "kurtosis", "rn_web_broad")


def start(root: Path, *arguments: str) -> str:
    """Run `python -m <arguments>` in a folder, and return what it printed."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-m", *arguments]
    done = subprocess.run(
        command, cwd=root, env=kept, capture_output=True, text=True, check=False, timeout=120
    )
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def compiled(code_tree: Path) -> Iterator[Path]:
    """Let a stage run once in the copy of the code, with the bytecode that Python writes there."""
    assert start(code_tree, "stages", "code") == ""
    assert start(code_tree, "compileall", "-q", "stages", "interpreting_clip") == ""
    assert "contents.json: no such file" in start(code_tree, *KURTOSIS)
    yield code_tree
    for folder in [*code_tree.rglob("__pycache__")]:
        shutil.rmtree(folder)


@pytest.fixture
def tree(compiled: Path, code_copy: Path) -> Path:
    """Lend a test the copy of the code that is fingerprinted and that a stage has run in once."""
    assert compiled == code_copy
    return code_copy


def bytecode(file: Path) -> Path:
    return Path(importlib.util.cache_from_source(str(file)))


def edit_unseen(file: Path) -> None:
    """Change a file's code, and neither its size nor its time."""
    seen, text = file.stat(), file.read_text()
    number = next(word for word in text if word.isdecimal())
    file.write_text(text.replace(number, str((int(number) + 1) % 10)))
    os.utime(file, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert file.stat().st_size == seen.st_size


def test_an_edit_of_the_same_size_and_time_runs(tree):
    assert all(bytecode(tree / name).read_bytes()[:8] == CHECKED for name in MODULES)
    before = read_json(tree / FINGERPRINTS)
    edit_unseen(tree / MODULES[-1])
    start(tree, "stages", "code")
    assert read_json(tree / FINGERPRINTS)["kurtosis"] != before["kurtosis"]
    assert "bytecode" not in start(tree, *KURTOSIS)


@pytest.mark.parametrize("name", MODULES)
def test_stale_bytecode_is_refused_and_deleted(tree, name):
    file = tree / name
    bytecode(file).unlink()
    start(tree, "py_compile", name)
    assert bytecode(file).read_bytes()[:8] != CHECKED
    edit_unseen(file)
    start(tree, "stages", "code")
    said = start(tree, *KURTOSIS)
    assert said.startswith("error: ") and name in said and said.count("\n") == 1
    assert "run again" in said and not bytecode(file).exists()
    assert "bytecode" not in start(tree, *KURTOSIS)


@pytest.mark.parametrize("mode", ["TIMESTAMP", "UNCHECKED_HASH"])
def test_bytecode_of_another_source_is_told_apart(tmp_path, mode):
    file = tmp_path / "a.py"
    file.write_text("A = 1\n")
    py_compile.compile(str(file), invalidation_mode=py_compile.PycInvalidationMode[mode])
    require_source([file])
    py_compile.compile(str(file), invalidation_mode=py_compile.PycInvalidationMode[mode])
    edit_unseen(file)
    with pytest.raises(InputError, match="run again"):
        require_source([file])


def test_code_in_a_package_itself_is_fingerprinted(tree):
    before = read_json(tree / FINGERPRINTS)
    (tree / "interpreting_clip/measures/__init__.py").write_text(
        "import interpreting_clip.measures.chunks\n\ninterpreting_clip.measures.chunks.ROWS = 1\n"
    )
    start(tree, "stages", "code")
    assert read_json(tree / FINGERPRINTS)["kurtosis"] != before["kurtosis"]


def test_a_package_in_place_of_a_module_is_refused(tree):
    module = tree / MODULES[-1]
    module.with_suffix("").mkdir()
    (module.with_suffix("") / "__init__.py").write_text(module.read_text())
    refused = start(tree, *KURTOSIS)
    assert refused.startswith("error: ") and MODULES[-1] in refused and refused.count("\n") == 1


def test_a_compiled_module_in_place_of_a_source_is_refused(tmp_path):
    (tmp_path / "a.py").touch()
    require_source([tmp_path / "a.py"])
    (tmp_path / f"a{EXTENSION_SUFFIXES[0]}").touch()
    importlib.invalidate_caches()
    with pytest.raises(InputError, match=r"a\.py: .*/a\.c"):
        require_source([tmp_path / "a.py"])


@pytest.mark.parametrize("intruder", ["numpy/__init__.py", "json.py", "torch.so"])
def test_what_has_the_name_of_a_package_is_refused(tmp_path, intruder):
    require_unshadowed({"numpy", "json", "torch"}, tmp_path)
    (tmp_path / intruder).parent.mkdir(exist_ok=True)
    (tmp_path / intruder).touch()
    with pytest.raises(InputError, match=intruder.partition("/")[0]):
        require_unshadowed({"numpy", "json", "torch"}, tmp_path)


def test_a_stage_looks_for_what_has_the_name_of_a_package(tree):
    (tree / "tqdm.py").touch()
    assert "package tqdm" in start(tree, *KURTOSIS)
