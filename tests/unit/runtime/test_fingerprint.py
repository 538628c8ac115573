"""A stage computes with the code and the versions of packages that are recorded, or not at all.

What a fingerprint changes with is held in tests/unit/test_dependencies.py.
"""

import importlib.metadata
from importlib.metadata import version

import pytest

from stages.files.json import write_json
from stages.runtime.errors import InputError
from stages.runtime.fingerprint import (
    FINGERPRINTS,
    fingerprint,
    fingerprint_name,
    require_fingerprint,
)

STAGES = [("kurtosis", ""), ("head", "random")]
OTHER = "0" * 12


@pytest.mark.parametrize(("stage", "branch"), STAGES)
def test_accepts_the_recorded_code_and_refuses_other(code_copy, stage, branch):
    present, name = fingerprint(stage, branch, code_copy), fingerprint_name(stage, branch)
    write_json(code_copy / FINGERPRINTS, {name: present})
    require_fingerprint(stage, branch, code_copy)
    write_json(code_copy / FINGERPRINTS, {name: OTHER})
    with pytest.raises(InputError) as caught:
        require_fingerprint(stage, branch, code_copy)
    said = str(caught.value)
    assert (
        f"'{fingerprint_name(stage, branch)}': expected {present}" in said
        and f"got {OTHER}" in said
    )
    assert "`dvc repro code`" in said and "\n" not in said


def test_refuses_packages_of_other_versions_than_are_locked(code_copy, monkeypatch):
    write_json(code_copy / FINGERPRINTS, {"kurtosis": fingerprint("kurtosis", "", code_copy)})
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "0.1")
    with pytest.raises(InputError) as caught:
        require_fingerprint("kurtosis", root=code_copy)
    said = str(caught.value)
    assert f"numpy: expected {version('numpy')}, got 0.1" in said
    assert "`make install`" in said and "\n" not in said


def test_checks_nothing_that_dvc_did_not_start(code_copy):
    require_fingerprint("kurtosis", root=code_copy)
    write_json(code_copy / FINGERPRINTS, {"cka": OTHER, "study": OTHER})
    require_fingerprint("kurtosis", root=code_copy)
    require_fingerprint("study", root=code_copy)


CONFLICT = '{\n<<<<<<< HEAD\n "cka": "1"\n=======\n "cka": "2"\n>>>>>>> other\n}\n'


def test_refuses_recorded_fingerprints_that_are_no_json(code_copy):
    (code_copy / FINGERPRINTS).write_text(CONFLICT)
    with pytest.raises(InputError, match=r"code\.json: not legal JSON .*`dvc repro code`"):
        require_fingerprint("kurtosis", root=code_copy)
