import json
import re
from pathlib import Path

import pytest

from interpreting_clip.errors import InputError
from runner.fingerprint import fingerprints
from tests.reads import run_stage
from tools import fingerprints as fingerprints_tool


@pytest.fixture
def copy(code_copy: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a copy of the code whose fingerprints have been written."""
    monkeypatch.chdir(code_copy)
    run_stage("code")
    return code_copy


def test_writes_twelve_digits_per_stage_in_order(copy):
    found = json.loads((copy / "code.json").read_text())
    assert found == fingerprints(copy)
    assert list(found) == sorted(found)
    assert all(re.fullmatch("[0-9a-f]{12}", value) for value in found.values())


def test_the_check_names_what_is_out_of_date_and_writes_nothing(copy):
    fingerprints_tool.main()
    with (copy / "interpreting_clip/measures/cka.py").open("a") as stream:
        stream.write("EDITED = True\n")
    before = (copy / "code.json").read_bytes()
    with pytest.raises(InputError, match="cka, controls, study;"):
        fingerprints_tool.main()
    assert (copy / "code.json").read_bytes() == before
    run_stage("code")
    fingerprints_tool.main()


def test_the_check_refuses_a_missing_file_and_a_stage_too_many(copy):
    file = copy / "code.json"
    file.write_text(json.dumps(fingerprints(copy) | {"gone": "0"}))
    with pytest.raises(InputError, match="gone;"):
        fingerprints_tool.main()
    file.unlink()
    with pytest.raises(InputError, match="baseline, broden"):
        fingerprints_tool.main()
