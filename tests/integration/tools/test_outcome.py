"""`make repro`'s last words in a folder with a commit and in one without git."""

import shutil
import subprocess
from pathlib import Path

from interpreting_clip.formats.json import write_json
from tools.outcome import commit, main

GIT = ("git", "-c", "user.name=test", "-c", "user.email=test@localhost")


def test_results_are_set_against_the_last_commit_if_there_is_one(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text("{encoders: {rn: {}}, datasets: {}, comparisons: {}}")
    metrics = Path("metrics/encoders/rn.json")

    def said() -> str:
        main()
        return capsys.readouterr().out

    write_json(metrics, {"kurtosis": 2.5})
    subprocess.run([*GIT, "init", "--quiet"], check=True)
    assert "commit" not in said()  # there is none yet
    subprocess.run([*GIT, "add", "."], check=True)
    subprocess.run([*GIT, "commit", "--quiet", "--message", "Run the study"], check=True)
    assert "identical to the commit" in said()
    write_json(metrics, {"kurtosis": 2.75})
    assert "rn: 2.5 → 2.75" in said()
    shutil.rmtree(".git")
    assert "commit" not in said() and "plots/report.html" in said()
    assert "plots/published.html" not in said()
    write_json(Path("plots/published.html"), "a page")
    assert "plots/published.html" in said()


def test_the_commit_of_a_page_is_that_of_its_code_and_parameters(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert commit() == "unknown"
    subprocess.run([*GIT, "init", "--quiet"], check=True)
    assert commit() == "unknown"
    (params := Path("params.yaml")).write_text("{}")
    write_json(metrics := Path("metrics/encoders/rn.json"), {"kurtosis": 2.5})
    subprocess.run([*GIT, "add", "."], check=True)
    subprocess.run([*GIT, "commit", "--quiet", "--message", "Run the study"], check=True)
    head = subprocess.run([*GIT, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    write_json(metrics, {"kurtosis": 2.75})
    assert commit() == head.stdout[:12]
    params.write_text("{seed: 1}")
    assert commit() == f"{head.stdout[:12]} with changes"
