"""`make repro`'s last words in a folder with a commit and in one without git."""

import shutil
import subprocess
from pathlib import Path

import pytest

from interpreting_clip.formats.json import write_json
from tools.repro import changes, results

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


def test_pages_that_are_there_are_listed():
    write_json(Path("plots/report.html"), "a page")
    write_json(Path("plots/directions/rn/index.html"), "a page")
    listed = "\n".join(results())
    assert "plots/report.html" in listed and "plots/directions/rn/index.html" in listed
    assert "plots/published.html" not in listed
