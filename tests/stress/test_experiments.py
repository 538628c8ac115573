"""`dvc exp`: a value changed for one run, in the workspace or beside it."""

import csv
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.hydra import apply_overrides
from dvc.utils.serialize import load_yaml

from tests.pipeline.workspace import Workspace
from tests.reads import ROOT

COLUMN = "metrics/encoders/rn_untrained.json:outliers"


@pytest.fixture
def experiments(clean: Workspace):
    """Lend the clone to a test, and forget its experiments afterwards."""
    yield clean
    clean.run("git", "checkout", "--quiet", "--force", "main")
    clean.run("dvc", "exp", "remove", "--all-commits", "--quiet")


def ran(said: str) -> set[str]:
    lines = [line for line in said.splitlines() if line.startswith("Running stage")]
    return {line.split("'")[1].partition("@")[0] for line in lines}


def shown(workspace: Workspace) -> dict[str, dict[str, str]]:
    """Return the row of each experiment in `dvc exp show`, by its name."""
    table = workspace.run("dvc", "exp", "show", "--csv")
    return {row["Experiment"] or row["rev"]: row for row in csv.DictReader(io.StringIO(table))}


def test_an_experiment_reruns_what_the_value_reaches_and_is_shown(experiments):
    sigma = "kurtosis.outlier_sigma"
    before = experiments.params()
    said = experiments.run("dvc", "exp", "run", "--name", "two", "--set-param", f"{sigma}=2.0")
    measured = {"kurtosis", "privileged_basis", "untrained", "controls"}
    assert ran(said) == {"study", *measured, "browse", "summarize", "report"}
    before["kurtosis"]["outlier_sigma"] = 2.0
    assert experiments.params() == before
    comment = "# A study of a few seconds: every stage"
    assert (experiments.folder / "params.yaml").read_text().startswith(comment)
    rows = shown(experiments)
    assert float(rows["two"][sigma]) == 2 and float(rows["main"][sigma]) == 6
    assert int(rows["two"][COLUMN]) > int(rows["main"][COLUMN])
    experiments.run("git", "checkout", "--quiet", "--force", ".")
    experiments.run("dvc", "exp", "apply", "two")
    assert experiments.params() == before
    assert experiments.repro() == set()


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
