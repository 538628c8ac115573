"""Replicas: which of a table are the study's own, and what they change on the page."""

import copy
from pathlib import Path

import pytest

from interpreting_clip.config.syntax import load_tree
from interpreting_clip.errors import InputError
from interpreting_clip.formats.tables import write_table
from page.replicas import (
    IDENTITY,
    Replicated,
    format_replicas,
    read_replicas,
    training_code,
    training_settings,
)
from page.robustness_claims import robustness_order
from tests.reads import ROOT
from tests.unit.page.conftest import made_up_study, read
from tools.replicas import typed

CODE = {"pretrain": "aa", "finetune": "bb", "supervise": "cc"}
ZERO_SHOT, FINETUNED = "rn_web_broad", "rn_web_broad_finetuned"
KURTOSIS = (2.5, 3.0, 3.5)


@pytest.fixture
def study() -> dict:
    return load_tree(ROOT / "params.yaml")


def row(study: dict, key: str, seed: int, **values) -> dict:
    of = typed(study)
    identity = (key, seed, training_settings(key, of), training_code(key, of, CODE))
    return {**dict(zip(IDENTITY, identity, strict=True)), **values}


def table(folder: Path, *rows: dict) -> Path:
    file = folder / "replicas.csv"
    names = {name: None for one in rows for name in one}
    write_table(file, rows, list(names) or IDENTITY)
    return file


def replicas(study: dict, key: str = ZERO_SHOT) -> list[dict]:
    return [row(study, key, i, **{"kurtosis.kurtosis": x}) for i, x in enumerate(KURTOSIS)]


def test_numbers_come_back_by_encoder_and_name(study, tmp_path):
    found = read_replicas(table(tmp_path, *replicas(study)), typed(study), CODE)
    assert found == {
        ZERO_SHOT: {"kurtosis.kurtosis": Replicated(values=[*KURTOSIS], outdated=False)}
    }
    spread = found[ZERO_SHOT]["kurtosis.kurtosis"]
    assert (spread.mean, spread.deviation, spread.low, spread.high) == (3.0, 0.5, 2.5, 3.5)


def test_a_number_that_a_replica_lacks_is_left_out(study, tmp_path):
    rows = [one | {"robustness.robustness": None} for one in replicas(study)]
    found = read_replicas(table(tmp_path, *rows), typed(study), CODE)
    assert list(found[ZERO_SHOT]) == ["kurtosis.kurtosis"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("recipes.rn_broad.epochs", 3),
        ("backbones.rn.embedding", 32),
        ("datasets.web_broad.images", 9),
        (f"pretrain.{ZERO_SHOT}.dataset", "web_narrow"),
    ],
)
@pytest.mark.parametrize("encoder", [ZERO_SHOT, FINETUNED])
def test_replicas_with_other_settings_are_none_of_the_study_s(
    study, tmp_path, encoder, path, value
):
    file = table(tmp_path, *replicas(study, encoder))
    other = copy.deepcopy(study)
    section, key, name = path.split(".")
    other[section][key][name] = value
    assert read_replicas(file, typed(other), CODE) == {}


def test_another_seed_or_spelling_is_not_another_setting(study):
    other = copy.deepcopy(study)
    other["recipes"]["rn_broad"]["seed"] = 8
    assert repr(other["datasets"]["web_broad"]["rotation"]) == "20.0"
    other["datasets"]["web_broad"]["rotation"] = 20
    # the default, written out
    assert other["recipes"]["rn_broad"].setdefault("activation_checkpointing", False) is False
    assert training_settings(FINETUNED, typed(other)) == training_settings(FINETUNED, typed(study))


@pytest.mark.parametrize("stage", CODE)
def test_other_code_outdates_what_it_trains_and_what_starts_from_that(study, tmp_path, stage):
    keys = {"pretrain": {ZERO_SHOT, FINETUNED}, "finetune": {FINETUNED}}
    rows = [row for key in (ZERO_SHOT, FINETUNED) for row in replicas(study, key)]
    found = read_replicas(table(tmp_path, *rows), typed(study), CODE | {stage: "new"})
    outdated = {key for key, numbers in found.items() if numbers["kurtosis.kurtosis"].outdated}
    assert found.keys() == {ZERO_SHOT, FINETUNED} and outdated == keys.get(stage, set())


def test_a_lone_replica_and_what_is_no_number_are_refused(study, tmp_path):
    rows = replicas(study)
    with pytest.raises(InputError, match=f"replicas.csv: .*two replicas of {ZERO_SHOT}"):
        read_replicas(table(tmp_path, rows[0]), typed(study), CODE)
    rows[1]["kurtosis.kurtosis"] = "much"
    with pytest.raises(InputError, match=r"kurtosis\.kurtosis: expected numbers"):
        read_replicas(table(tmp_path, *rows), typed(study), CODE)


def test_a_deviation_stands_behind_an_interval_and_is_marked_if_outdated():
    assert format_replicas(None) == ""
    assert format_replicas(Replicated(values=[1.0, 3.0], outdated=False), 2) == " ± 1.41"
    assert format_replicas(Replicated(values=[1.0, 3.0], outdated=True), 0) == " ± 1¶"


def with_robustness(made_up: dict, **seeds: list[float]) -> dict:
    made_up["replicas"] = {
        key: {"robustness.robustness": Replicated(values=values, outdated=False)}
        for key, values in seeds.items()
    }
    return made_up


def test_a_claim_is_seen_only_beyond_the_range_over_seeds():
    made_up = made_up_study()
    for key in made_up["entries"]:
        if key.startswith("vit"):
            made_up["entries"][key]["data"] = f"{key} alone"
    one = robustness_order(read(made_up))
    assert one is not None and one.verdict == "shown"
    apart = with_robustness(made_up, rn_web_broad=[25.0, 31.0])
    claim = robustness_order(read(apart))
    assert claim is not None and claim.verdict == "shown"
    assert "± 4.2 over seeds" in claim.findings[0]
    meeting = with_robustness(made_up, rn_web_broad=[5.0, 31.0])
    claim = robustness_order(read(meeting))
    assert claim is not None and claim.verdict == "undecided"
