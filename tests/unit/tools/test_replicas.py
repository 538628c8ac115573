"""The study of replicas, and its table."""

from pathlib import Path

import pytest

from interpreting_clip.config.syntax import load_tree
from interpreting_clip.errors import InputError
from interpreting_clip.formats.json import read_json, write_json
from interpreting_clip.formats.tables import read_table
from interpreting_clip.study.check import check
from page.replicas import (
    FURTHER,
    IDENTITY,
    read_trainings,
    training_settings,
    with_further,
)
from tests.reads import ROOT
from tools.replicas import SEEDS, STUDY, TABLE, main, replicated, study_text


@pytest.fixture
def study() -> dict:
    """Return params.yaml with the further encoders."""
    return with_further(load_tree(ROOT / "params.yaml"), load_tree(ROOT / FURTHER))


def test_the_study_in_the_repository_has_each_trained_encoder_five_times(study):
    assert (ROOT / STUDY).read_text() == study_text(study), "python -m tools replicas --study"
    trained = [k for k, entry in study["encoders"].items() if entry["training"] != "untrained"]
    assert {"rn_web_narrow", "rn_web_broad_labels"} < set(trained)
    expected = [f"{key}_{number}" for key in trained for number in range(SEEDS)]
    assert list(check(ROOT / STUDY).encoders) == expected


def test_replicas_differ_in_their_seed_alone(study):
    made = replicated(study)
    for key in ("rn_web_broad", "vit_web_broad_finetuned", "rn_web_broad_labels"):
        of_made, of_study = (read_trainings(one, STUDY) for one in (made, study))
        settings = {training_settings(f"{key}_{number}", of_made) for number in range(SEEDS)}
        assert settings == {training_settings(key, of_study)}
    seeds = [made["recipes"][f"rn_broad_{number}"]["seed"] for number in range(SEEDS)]
    assert seeds == [0, 1, 2, 3, 4]
    assert made["finetune"]["rn_web_broad_finetuned_3"]["start"] == "rn_web_broad_3"


@pytest.fixture
def ran(study, tmp_path, monkeypatch) -> Path:
    """Return a folder in which the study of replicas has run."""
    monkeypatch.chdir(tmp_path)
    Path("studies").mkdir()
    Path("params.yaml").write_text(study_text(study))
    Path("code.json").write_text('{"pretrain": "aa", "finetune": "bb", "supervise": "cc"}')
    results = read_json(ROOT / "plots/encoders/rn_supervised.json")
    results["prunable"]["by_robustness"] = None
    for number, key in enumerate(replicated(study)["encoders"]):
        results["kurtosis"]["kurtosis"]["value"] = 2 + number / 100
        write_json(Path(f"plots/encoders/{key}.json"), results)
    return tmp_path


@pytest.mark.usefixtures("ran")
def test_the_table_has_a_row_for_each_replica(study, capsys):
    main(table=True)
    table = read_table(TABLE, IDENTITY)
    assert "45 replicas" in capsys.readouterr().out and len(table) == 45
    first = table.loc[1].to_dict()
    assert (first["encoder"], first["seed"], first["code"]) == ("rn_web_broad", "1", "aa")
    assert first["settings"] == training_settings("rn_web_broad", read_trainings(study, STUDY))
    assert (first["kurtosis.kurtosis"], first["prunable.by_robustness"]) == ("2.01", "")
    made = read_json(ROOT / "plots/encoders/rn_supervised.json")["concepts"]["directions"]["unique"]
    assert first["concepts.directions.unique"] == str(made["value"])


@pytest.mark.usefixtures("ran")
def test_another_study_s_results_are_refused():
    Path("params.yaml").write_text((ROOT / "params.yaml").read_text())
    with pytest.raises(InputError, match=r"'rn_web_broad' is not a replica.*in a clone"):
        main(table=True)
    assert not TABLE.exists()
