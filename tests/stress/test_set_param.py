"""`dvc exp run -S` changes one line of a study: the files are in the form that it leaves.

DVC loads the file, sets values and writes the whole file again. That puts the items of lists on
lines of their own, folds lines at 80 columns and drops comments after a list.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.hydra import apply_overrides
from dvc.utils.serialize import load_yaml

from tests.reads import ROOT

PARAMS = ROOT / "params.yaml"
STUDIES = sorted((ROOT / "studies").glob("*.yaml"))
CALLS = 20
"""How many calls of DVC set all values of a study; each call takes a tenth of a second."""

Leaf = tuple[str, Any]


def leaves(node: Any, path: str = "") -> Iterator[Leaf]:
    """Yield each path that `-S` can set, with its value; empty mappings have none."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from leaves(value, f"{path}.{key}".removeprefix("."))
    else:
        yield path, node


def another(value: Any) -> Any:
    """Return another value of the same type and about the same length; of a list, one item."""
    if isinstance(value, list):
        return [another(value[0]), *value[1:]]
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return value[:-1] + ("x" if value[-1] != "x" else "y")
    return value + 1


def set_params(file: Path, values: list[Leaf]) -> list[str]:
    """Set values as `-S path=value` does, and return the lines of the file."""
    overrides = [f"{path}={json.dumps(value, ensure_ascii=False)}" for path, value in values]
    apply_overrides(file, overrides)
    return file.read_text().splitlines()


def require_a_line_each(file: Path, copy: Path, found: list[Leaf]) -> None:
    """Give leaves other values: as many lines have to change, and no comment in them."""
    shutil.copy(file, copy)
    before = file.read_text().splitlines()
    after = set_params(copy, [(path, another(value)) for path, value in found])
    assert len(after) == len(before), found
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert len(changed) == len(found), (found, changed)
    assert all(old.partition(" #")[2] == new.partition(" #")[2] for old, new in changed)


@pytest.mark.parametrize("section", load_yaml(PARAMS))
def test_another_value_changes_one_line(section, tmp_path):
    for leaf in leaves({section: load_yaml(PARAMS)[section]}):
        require_a_line_each(PARAMS, tmp_path / "params.yaml", [leaf])


@pytest.mark.parametrize("file", STUDIES, ids=lambda file: file.stem)
def test_other_values_change_a_line_each(file, tmp_path):
    found = list(leaves(load_yaml(file)))
    for call in range(CALLS):  # neighbours, which may share a line, are set by different calls
        require_a_line_each(file, tmp_path / "params.yaml", found[call::CALLS])


@pytest.mark.parametrize("file", [PARAMS, *STUDIES], ids=lambda file: file.stem)
def test_the_present_values_change_nothing(file, tmp_path):
    copy = shutil.copy(file, tmp_path / "params.yaml")
    set_params(copy, list(leaves(load_yaml(file))))
    assert copy.read_bytes() == file.read_bytes()


@pytest.mark.parametrize("text", ["a: [1, 2]\n", "a:\n- 1\n# lost\nb: 1\n", "a: 1.0e-3\n"])
def test_another_form_is_noticed(text, tmp_path):
    file = tmp_path / "params.yaml"
    file.write_text(text)
    set_params(file, list(leaves(load_yaml(file))))
    assert file.read_text() != text
