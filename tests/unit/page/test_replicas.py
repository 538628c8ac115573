"""Replicas: which of a table are the study's own, and what they change on the page."""

from pathlib import Path

import pandas as pd
import pytest

from interpreting_clip.config.syntax import load_tree
from interpreting_clip.errors import InputError
from interpreting_clip.formats.tables import write_table
from page.replicas import (
    IDENTITY,
    Replicated,
    read_replicas,
    training_code,
    training_settings,
)
from page.robustness_claims import robustness_order
from tests.reads import ROOT
from tests.unit.page.conftest import interval, read
from tools.replicas import typed

CODE = {"pretrain": "aa", "finetune": "bb", "supervise": "cc"}
ZERO_SHOT, FINETUNED = "rn_web_broad", "rn_web_broad_finetuned"


@pytest.fixture
def params() -> dict:
    return load_tree(ROOT / "params.yaml")


@pytest.fixture
def rows(params) -> list[dict]:
    """Return three replicas of an encoder and of the one that starts from it."""
    of = typed(params)
    return [
        dict(zip(IDENTITY, (key, seed, *training), strict=True))
        | {"kurtosis.kurtosis": value, "robustness.robustness": None}
        for key in (ZERO_SHOT, FINETUNED)
        for training in [(training_settings(key, of), training_code(key, of, CODE))]
        for seed, value in enumerate((2.5, 3.0, 3.5))
    ]


SPREAD = {"seeds": 3, "outdated": False}


def read_rows(folder: Path, rows: list[dict], study: dict, code: dict[str, str] = CODE) -> dict:
    """Write rows as the table, and read it as that of a study."""
    write_table(file := folder / "replicas.csv", pd.DataFrame(rows), list(rows[0]))
    return read_replicas(file, typed(study), code)


def test_numbers_come_back_by_encoder_and_name_and_a_lone_replica_is_refused(
    params, rows, tmp_path
):
    spread = Replicated(mean=3.0, deviation=0.5, low=2.5, high=3.5, **SPREAD)
    expected = {key: {"kurtosis.kurtosis": spread} for key in (ZERO_SHOT, FINETUNED)}
    assert read_rows(tmp_path, rows, params) == expected
    with pytest.raises(InputError, match=rf"replicas\.csv: .*two replicas of {ZERO_SHOT}"):
        read_rows(tmp_path, rows[:1], params)


def test_replicas_with_other_settings_or_of_other_code_are_left_out_or_outdated(
    params, rows, tmp_path
):
    for stage, keys in (
        ("pretrain", {ZERO_SHOT, FINETUNED}),
        ("finetune", {FINETUNED}),
        ("supervise", set()),
    ):
        found = read_rows(tmp_path, rows, params, CODE | {stage: "new"})
        outdated = {key for key, one in found.items() if one["kurtosis.kurtosis"].outdated}
        assert outdated == keys, stage
    for section, key, name, value in (
        ("recipes", "rn_broad", "epochs", 3),
        ("backbones", "rn", "embedding", 32),
        ("datasets", "web_broad", "images", 9),
        ("pretrain", ZERO_SHOT, "dataset", "web_narrow"),
    ):
        changed = params | {section: params[section] | {key: params[section][key] | {name: value}}}
        assert read_rows(tmp_path, rows, changed) == {}, section


def test_another_spelling_is_not_another_setting(params):
    expected = training_settings(FINETUNED, typed(params))
    assert repr(params["datasets"]["web_broad"]["rotation"]) == "20.0"
    params["datasets"]["web_broad"]["rotation"] = 20
    # the default, written out
    params["recipes"]["rn_broad"]["activation_checkpointing"] = False
    assert training_settings(FINETUNED, typed(params)) == expected


def test_a_claim_is_seen_only_beyond_the_range_over_seeds(study):
    del study["entries"]["vit_web_broad"]
    for key, mean in ((ZERO_SHOT, 28), (FINETUNED, 12), ("rn_supervised", 0)):
        study["results"][key]["robustness"]["robustness"] = interval(mean)
    for low, verdict in ((25.0, "shown"), (5.0, "undecided")):
        spread = Replicated(mean=28.0, deviation=1.5, low=low, high=31.0, **SPREAD)
        study["replicas"] = {ZERO_SHOT: {"robustness.robustness": spread}}
        claim = robustness_order(read(study))
        assert claim and claim.verdict == verdict and "± 1.5 over seeds" in claim.findings[0]
