"""Somebody else's params.yaml: `dvc repro` refuses its names before any of them reaches a shell."""

import sys

import pytest

from tests.pipeline.workspace import Workspace, new_workspace

COMMANDS = ["; touch canary #", "$(touch canary)", "`touch canary`", "'; touch canary; '"]
HIDDEN = "$(touch canary)/../../../params.yaml"
"""As the end of a path below `data/layer_grams/`, a file that is there and that no stage makes."""


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return new_workspace(tmp_path_factory.mktemp("hostile") / "clone")


@pytest.fixture
def study(clone: Workspace):
    """Lend the clone to a test, and bring back its study afterwards."""
    yield clone
    clone.restore("-d", "-x")


def add(study: Workspace, key: str) -> None:
    study.change("weights", study.params()["weights"] | {key: untrained(study, "weights")})
    study.change("encoders", study.params()["encoders"] | {key: untrained(study, "encoders")})


def untrained(study: Workspace, section: str) -> dict:
    return dict(study.params()[section]["rn_untrained"])


def compare(study: Workspace, key: str, first: str, second: str) -> None:
    pair = {key: {"first": first, "second": second}}
    study.change("comparisons", study.params()["comparisons"] | pair)


def harmless(study: Workspace, *options: str) -> str:
    """Run `dvc repro`, which must fail and leave every file of the repository as it is."""
    said = study.run("dvc", "repro", *options, ok=False)
    assert "ERROR: failed to reproduce" in said
    assert not list(study.folder.rglob("*canary*"))
    assert study.run("git", "diff", "--name-only").split() == ["params.yaml"]
    return said


def test_an_encoder_whose_name_is_a_command(study):
    for number, command in enumerate(COMMANDS):
        add(study, f"a{number}{command}")
    said = harmless(study)
    assert study.run(sys.executable, "-m", "stages", "study", ok=False) in said
    for number, command in enumerate(COMMANDS):
        assert f"params.yaml: 'encoders': the name {f'a{number}{command}'!r}: Expected" in said
    harmless(study, "--keep-going")


def test_a_command_in_the_path_of_a_file_that_is_there(study):
    compare(study, "pair", HIDDEN, HIDDEN)
    assert "'comparisons.pair.first': Expected" in harmless(study)


def test_a_result_in_the_place_of_a_file_of_the_repository(study):
    compare(study, "../../README.md", "../../params.yaml", "../../LICENSE")
    assert "failed to reproduce 'study'" in harmless(study)


def test_an_object_of_python(study):
    file = study.folder / "params.yaml"
    tag = "!!python/object/apply:os.system ['touch canary']"
    file.write_text(file.read_text().replace("The nano study", tag))
    expected = "could not determine a constructor for the tag 'tag:yaml.org,2002:python/object/ap"
    assert expected in study.run("dvc", "repro", ok=False)
    said = study.run(sys.executable, "-m", "stages", "study", ok=False)
    # What stands in a tag may be a secret, like any text that was not parsed.
    assert said.startswith("error: params.yaml: line ") and "for the tag" in said
    assert said.count("\n") == 1
    assert not (study.folder / "canary").exists()
