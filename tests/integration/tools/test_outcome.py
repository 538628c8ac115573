"""`make repro`'s last words in a folder with a commit and in one without git."""

import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from interpreting_clip.formats.json import write_json
from tools import outcome
from tools.outcome import COMPUTED, commit, processor, record, report

GIT = ("git", "-c", "user.name=test", "-c", "user.email=test@localhost")


def test_results_are_set_against_the_last_commit_if_there_is_one(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text("{encoders: {rn: {}}, browse: {encoders: [rn]}}")
    metrics = Path("metrics/rn.json")

    def said() -> str:
        report()
        return capsys.readouterr().out

    write_json(metrics, {"kurtosis": 2.5})
    subprocess.run([*GIT, "init", "--quiet"], check=True)
    assert "commit" not in said()  # there is none yet
    subprocess.run([*GIT, "add", "."], check=True)
    subprocess.run([*GIT, "commit", "--quiet", "--message", "Run the study"], check=True)
    assert "identical to the commit" in said()
    write_json(metrics, {"kurtosis": 2.75})
    assert "have changed: 1\n" in said() and "dvc metrics diff" in said()
    browse = "browse: {encoders: [rn, vit]}"
    Path("params.yaml").write_text(f"{{encoders: {{rn: {{}}, vit: {{}}, old: {{}}}}, {browse}}}")
    assert "last commit: 2 of 3\n" in said()
    shutil.rmtree(".git")
    assert "commit" not in said()
    for key in ("old", "vit", "rn"):
        write_json(Path(f"plots/directions/{key}/index.html"), "a page")
    listed = said()
    assert "plots/directions/rn/index.html" in listed  # the first that the study names
    assert "plots/directions/vit" not in listed and "plots/published.html" not in listed


def test_the_commit_of_a_page_is_that_of_its_code_and_parameters(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert commit() == "unknown"
    subprocess.run([*GIT, "init", "--quiet"], check=True)
    assert commit() == "unknown"
    (params := Path("params.yaml")).write_text("{}")
    write_json(metrics := Path("metrics/rn.json"), {"kurtosis": 2.5})
    subprocess.run([*GIT, "add", "."], check=True)
    subprocess.run([*GIT, "commit", "--quiet", "--message", "Run the study"], check=True)
    head = subprocess.run([*GIT, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    write_json(metrics, {"kurtosis": 2.75})
    assert commit() == head.stdout[:12]
    params.write_text("{seed: 1}")
    assert commit() == f"{head.stdout[:12]} with changes"


def test_a_page_s_record_is_kept_until_the_page_is_another(tmp_path, monkeypatch):
    def page_is(version: str) -> None:
        Path("plots/report.html").write_text(f'<html data-digest="{version * 64}">')
        record()

    monkeypatch.chdir(tmp_path)
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


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ("processor\t: 0\nmodel name\t: AMD EPYC 9B14\nModel\t: 2\n", "AMD EPYC 9B14 (aarch64)"),
        (
            "processor\t: 0\nCPU part\t: 0xd0c\n\nModel\t\t: Raspberry Pi 5\n",
            "Raspberry Pi 5 (aarch64)",
        ),
        ("processor\t: 0\nCPU part\t: 0xd0c\n", "arm (aarch64)"),
        (None, "arm (aarch64)"),
    ],
)
def test_a_processor_is_named_on_every_system(tmp_path, monkeypatch, info, expected):
    monkeypatch.setattr(outcome, "PROCESSOR", cpuinfo := tmp_path / "cpuinfo")
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    monkeypatch.setattr(platform, "processor", lambda: "arm")
    if info:
        cpuinfo.write_text(info)
    assert processor() == expected
