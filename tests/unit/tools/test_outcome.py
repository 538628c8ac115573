"""What `make repro` says at its end, of results here and in the last commit."""

import shutil
from pathlib import Path

import pytest
import yaml

from interpreting_clip.formats.json import write_json
from tools.outcome import COMPUTED, MACHINE, made, news, processor, record

KEYS = ["rn_a", "rn_b", "vit"]
SAME = "The results in metrics/ and plots/ are identical to the commit's, byte for byte."


def lock(outlier_sigma: float = 6.0, fingerprint: str = "1a", table: str = "2b") -> None:
    params = {
        "params.yaml": {"kurtosis.outlier_sigma": outlier_sigma},
        "code.json": {"kurtosis": fingerprint},
    }
    stages = {
        "code": {"deps": [{"path": "stages", "md5": fingerprint}]},
        "extract": {"outs": [{"path": "data/activations/rn_a", "md5": fingerprint}]},
        "kurtosis": {
            "params": params,
            "deps": [
                {"path": "data/activations/rn_a", "md5": fingerprint},
                {"path": "data/reference/a.csv", "md5": table},
            ],
        },
    }
    Path("dvc.lock").write_text(yaml.safe_dump({"stages": stages}))


@pytest.fixture
def committed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder of results, and return a copy of it as the last commit."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    for key in KEYS:
        write_json(Path(f"metrics/encoders/{key}.json"), {"kurtosis": 2.5, "concepts": None})
        write_json(Path(f"plots/encoders/{key}.json"), {"importance": [0.123456]})
    lock()
    return shutil.copytree(here, tmp_path / "committed")


def change(key: str, **numbers) -> None:
    write_json(Path(f"metrics/encoders/{key}.json"), {"kurtosis": 2.5, "concepts": None} | numbers)


def test_equal_results_are_one_line(committed):
    assert list(news(committed, KEYS)) == [SAME]


def test_a_headline_number_is_shown_where_it_differs_most(committed):
    change("rn_b", kurtosis=2.6)
    change("vit", kurtosis=2.25, concepts=3)
    said = list(news(committed, KEYS))
    assert "  kurtosis  2 encoders, most in vit: 2.5 → 2.25" in said
    assert "  concepts  vit: None → 3" in said
    for way in ("make compare A=HEAD B=. ", "git checkout metrics plots dvc.lock ", "make repro "):
        assert any(line.startswith(f"  {way}") for line in said)
    assert MACHINE in said


def test_other_bytes_of_equal_headlines_are_said_to_be_that(committed):
    write_json(Path("plots/encoders/vit.json"), {"importance": [0.123457]})
    said = list(news(committed, KEYS))
    assert "1 of the last commit's files" in said[0] and "None of the headline numbers" in said[1]
    assert MACHINE in said


@pytest.mark.parametrize(
    ("inputs", "named"),
    [
        ({"outlier_sigma": 2.0}, "params.yaml has other values: kurtosis.outlier_sigma."),
        ({"fingerprint": "9f"}, "code.json has other values: kurtosis."),
        ({"table": "9f"}, "these files have changed: data/reference/a.csv."),
    ],
)
def test_what_else_has_changed_is_named_as_the_cause(committed, inputs, named):
    change("vit", kurtosis=2.25)
    lock(**inputs)
    causes = [line for line in news(committed, KEYS) if line.startswith("Since then ")]
    assert causes == [f"Since then {named}"]
    assert MACHINE not in list(news(committed, KEYS))


def test_results_that_no_commit_has_are_new(committed):
    assert list(news(committed, ["another"])) == [
        "The last commit has no results for this study's encoders."
    ]
    said = list(news(committed, [*KEYS, "another"]))
    assert said[0] == "The last commit has no results for 1 of the 4 encoders."
    assert len(said) == 2 and "other results" in said[1] and "identical" in said[1]


def test_it_says_what_there_is_and_where(committed):
    study = {"encoders": {"a": {}}, "datasets": {"b": {}, "c": {}}, "comparisons": {}}
    said = "\n".join(made(study))
    assert "1 encoder, 2 datasets, 0 comparisons" in said
    assert "plots/report.html" in said and "plots/directions" not in said
    Path("plots/directions/a").mkdir(parents=True)
    Path("plots/directions/a/index.html").touch()
    assert "plots/directions/<encoder>/index.html" in "\n".join(made(study))


def page_is(version: str) -> None:
    Path("plots/report.html").write_text(f'<html data-digest="{version * 64}">')


def test_a_page_s_record_is_kept_until_the_page_is_another(committed):
    record()
    assert not COMPUTED.exists()  # there is no page
    page_is("a")
    record()
    first = COMPUTED.read_text()
    assert first.startswith("window.computed = ") and "a" * 64 in first and processor() in first
    COMPUTED.write_text(elsewhere := first.replace(processor(), "another processor"))
    record()
    assert COMPUTED.read_text() == elsewhere
    page_is("b")
    record()
    assert "b" * 64 in COMPUTED.read_text() and processor() in COMPUTED.read_text()
