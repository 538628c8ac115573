import json
import re
from pathlib import Path

import pytest

from interpreting_clip.errors import InputError
from runner.fingerprint import fingerprints
from tests.reads import run_stage
from tools import fingerprints as fingerprints_tool


@pytest.fixture
def written(code_copy: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a copy of the code; return the file with its fingerprints."""
    monkeypatch.chdir(code_copy)
    run_stage("code")
    return code_copy / "code.json"


def test_writes_twelve_digits_per_stage_in_order(written):
    found = json.loads(written.read_text())
    assert found == fingerprints(written.parent)
    assert list(found) == sorted(found)
    assert all(re.fullmatch("[0-9a-f]{12}", value) for value in found.values())


def test_the_check_names_what_is_out_of_date_and_writes_nothing(written):
    fingerprints_tool.main()
    text = written.read_text()
    for content, named in (
        (text.replace('"cka": "', '"cka": "0'), "cka;"),
        (text.replace("{", '{"gone": "0",', 1), "gone;"),
        (None, "baseline, broden"),
    ):
        written.write_text(content) if content else written.unlink()
        with pytest.raises(InputError, match=named):
            fingerprints_tool.main()
        assert (written.read_text() if written.exists() else None) == content
