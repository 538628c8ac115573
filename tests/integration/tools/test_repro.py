"""`make repro`'s last words in a folder with a commit and in one without git."""

import shutil
import subprocess
from pathlib import Path

import pytest

from interpreting_clip.formats.json import write_json
from tools.repro import COMPUTED, changes, commit, processor, record

METRICS = Path("metrics/rn.json")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text("{browse: {encoders: [rn]}}")


def git(*words: str) -> None:
    own = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    subprocess.run(["git", *own, *words], check=True)


def test_results_are_set_against_the_last_commit_if_there_is_one():
    def said() -> str:
        return "".join(changes())

    write_json(METRICS, {"kurtosis": 2.5})
    git("init", "--quiet")
    assert said() == ""  # there is no commit yet
    git("add", ".")
    git("commit", "--quiet", "--message", "Run the study")
    assert "identical to the commit" in said()
    write_json(METRICS, {"kurtosis": 2.75})
    write_json(METRICS.with_name("vit.json"), {"kurtosis": 2.5})
    assert "differ from the commit's: 2\n" in said() and "dvc metrics diff" in said()
    shutil.rmtree(".git")
    assert said() == ""


def test_the_commit_of_a_page_is_that_of_its_code_and_parameters():
    assert commit() == "unknown"
    git("init", "--quiet")
    write_json(METRICS, {"kurtosis": 2.5})
    git("add", ".")
    git("commit", "--quiet", "--message", "Run the study")
    head = subprocess.run(["git", "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    write_json(METRICS, {"kurtosis": 2.75})
    assert commit() == head.stdout[:12]
    Path("params.yaml").write_text("{seed: 1}")
    assert commit() == f"{head.stdout[:12]} with changes"


def test_a_page_s_record_is_kept_until_the_page_is_another():
    def page_is(version: str) -> None:
        Path("plots/report.html").write_text(f'<html data-digest="{version * 64}">')
        record()

    record()
    assert not COMPUTED.exists()  # there is no page
    Path("plots").mkdir()
    page_is("a")
    first = COMPUTED.read_text()
    assert first.startswith("window.computed = ") and "a" * 64 in first and processor() in first
    COMPUTED.write_text(elsewhere := first.replace(processor(), "another processor"))
    page_is("a")
    assert COMPUTED.read_text() == elsewhere
    page_is("b")
    assert "b" * 64 in COMPUTED.read_text() and processor() in COMPUTED.read_text()
