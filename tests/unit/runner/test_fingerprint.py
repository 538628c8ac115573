"""A stage computes with the code and the versions of packages that are recorded, or not at all.

What a fingerprint changes with is held in tests/unit/test_dependencies.py.
"""

import importlib.metadata
import re
from importlib.metadata import requires, version
from pathlib import Path

import pytest

from interpreting_clip.errors import InputError
from interpreting_clip.formats.json import write_json
from runner.fingerprint import (
    COMPUTING,
    FINGERPRINTS,
    IO_PACKAGES,
    TRANSITIVE_DEPENDENCIES,
    fingerprint_name,
    fingerprints,
    reached_code,
    require_fingerprint,
    stage_branches,
    used_packages,
)
from runner.graph import StageEntry
from runner.source_code import Sources
from tests.reads import ROOT


def entry(fingerprint: str, stage: str = "") -> StageEntry:
    """Return the entry of a stage that lists nothing but its fingerprint."""
    return StageEntry(stage or fingerprint, "", (), (), fingerprint, (), (), {}, Path("dvc.yaml"))


OTHER = "0" * 12


def test_accepts_the_recorded_code_and_refuses_other(code_copy):
    name = fingerprint_name("head", "random")
    present = fingerprints(code_copy)[name]
    write_json(code_copy / FINGERPRINTS, {name: present})
    require_fingerprint(entry(name, "head"), code_copy)
    write_json(code_copy / FINGERPRINTS, {name: OTHER})
    with pytest.raises(InputError, match=f"'{name}': .*{present}.*{OTHER}.*`dvc repro code`"):
        require_fingerprint(entry(name, "head"), code_copy)


def test_refuses_packages_of_other_versions_than_are_locked(code_copy, monkeypatch):
    write_json(code_copy / FINGERPRINTS, {"kurtosis": fingerprints(code_copy)["kurtosis"]})
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "0.1")
    with pytest.raises(InputError, match=rf"numpy: .*{version('numpy')}.*0\.1.*`make install`"):
        require_fingerprint(entry("kurtosis"), code_copy)


def test_checks_nothing_that_dvc_did_not_start(code_copy):
    require_fingerprint(entry("kurtosis"), code_copy)
    write_json(code_copy / FINGERPRINTS, {"cka": OTHER, "study": OTHER})
    require_fingerprint(entry("kurtosis"), code_copy)
    require_fingerprint(entry("study"), code_copy)


def test_refuses_recorded_fingerprints_that_a_merge_left_in_conflict(code_copy):
    (code_copy / FINGERPRINTS).write_text('{\n<<<<<<< HEAD\n "cka": "1"\n=======\n')
    with pytest.raises(InputError, match=r"code\.json: .*`dvc repro code`"):
        require_fingerprint(entry("kurtosis"), code_copy)


ALL = {*COMPUTING.values()}.union(*TRANSITIVE_DEPENDENCIES.values())
UNUSED = {"torch": {"jinja2"}, "altair": {"jinja2"}}
"""What a package requires for something that no stage does: compiling kernels, writing HTML."""


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_package_that_is_imported_is_on_one_of_the_lists():
    sources = Sources(ROOT)
    reached = [reached_code(stage, branch, sources) for stage, branch in stage_branches(ROOT)]
    imported = set[str]().union(*map(used_packages, reached))
    assert imported == COMPUTING.keys() | IO_PACKAGES
    assert not COMPUTING.keys() & IO_PACKAGES


@pytest.mark.parametrize("package", sorted(ALL))
def test_what_is_beneath_a_package_is_what_it_requires(package):
    needed = [r for r in requires(package) or () if "extra ==" not in r]
    names = {normalized(re.findall(r"[\w.-]+", requirement)[0]) for requirement in needed}
    found = (names & ALL) - UNUSED.get(package, set())
    assert found == set(TRANSITIVE_DEPENDENCIES.get(package, ()))
