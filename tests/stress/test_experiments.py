"""Studies are in the form that `dvc exp run --set-param` leaves."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.hydra import apply_overrides
from dvc.utils.serialize import load_yaml

from tests.reads import ROOT


def leaves(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each path that `--set-param` can set, with its value; empty mappings have none."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from leaves(value, f"{path}.{key}".removeprefix("."))
    else:
        yield path, node


STUDIES = [ROOT / "params.yaml", *sorted((ROOT / "studies").glob("*.yaml"))]


@pytest.mark.parametrize("file", STUDIES, ids=lambda file: file.stem)
def test_a_study_is_in_the_form_that_an_experiment_leaves(file: Path, tmp_path: Path):
    """So that `--set-param` changes one line: DVC writes the file again, and formats all of it."""
    copy = Path(shutil.copy(file, tmp_path / "params.yaml"))
    given = [f"{name}={json.dumps(v, ensure_ascii=False)}" for name, v in leaves(load_yaml(file))]
    apply_overrides(copy, given)
    assert copy.read_bytes() == file.read_bytes()
