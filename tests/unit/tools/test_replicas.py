"""The study of replicas, and its table."""

from pathlib import Path
from typing import Any

import pytest

from interpreting_clip.config.syntax import load_tree
from interpreting_clip.errors import InputError
from interpreting_clip.formats.csv_tables import read_table
from interpreting_clip.formats.json import read_json, write_json
from interpreting_clip.study.check import check
from page.further_encoders import FURTHER
from page.replicas import IDENTITY
from tests.reads import ROOT
from tools.replicas import SEEDS, TABLE, main


@pytest.fixture
def made(tmp_path, monkeypatch) -> dict[str, Any]:
    """Return the study of replicas, written in place of params.yaml in a copy."""
    monkeypatch.chdir(tmp_path)
    for file in (Path("params.yaml"), FURTHER):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text((ROOT / file).read_text())
    main(study=Path("params.yaml"))
    return load_tree(Path("params.yaml"))


def test_each_trained_encoder_and_the_further_ones_are_trained_from_five_seeds(made):
    study = load_tree(ROOT / "params.yaml")
    trained = [k for k, entry in study["encoders"].items() if entry["training"] != "untrained"]
    trained += load_tree(FURTHER)["encoders"]
    expected = [f"{key}_{number}" for key in trained for number in range(SEEDS)]
    assert list(check(Path("params.yaml")).encoders) == expected
    recipes = [made["recipes"][f"rn_broad_{number}"] for number in range(SEEDS)]
    assert [recipe.pop("seed") for recipe in recipes] == [0, 1, 2, 3, 4]
    assert all(recipe == recipes[0] for recipe in recipes)
    assert made["finetune"]["rn_web_broad_finetuned_3"]["start"] == "rn_web_broad_3"
    assert made["kurtosis"] == study["kurtosis"]


def test_the_table_has_a_row_for_each_replica(made):
    results = read_json(ROOT / "plots/encoders/rn_supervised.json")
    results["prunable"]["by_robustness"] = None
    for number, key in enumerate(made["encoders"]):
        results["kurtosis"]["kurtosis"]["value"] = 2 + number / 100
        write_json(Path(f"plots/encoders/{key}.json"), results)
    main(table=True)
    table = read_table(TABLE, IDENTITY)
    assert len(table) == len(made["encoders"])
    first = table.loc[1].to_dict()
    assert (first["encoder"], first["seed"]) == ("rn_web_broad", "1")
    assert (first["kurtosis.kurtosis"], first["prunable.by_robustness"]) == ("2.01", "")


@pytest.mark.usefixtures("made")
def test_another_study_s_results_are_refused():
    Path("params.yaml").write_text((ROOT / "params.yaml").read_text())
    with pytest.raises(InputError, match="'rn_web_broad' is not a replica"):
        main(table=True)
    assert not TABLE.exists()
