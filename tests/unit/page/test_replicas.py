"""Replicas: which measures of the table are current, and what they change on the page."""

from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pytest

from interpreting_clip.config.params import PARAMS, Params
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.encoders.encoder_entries import EncoderEntry
from interpreting_clip.formats.csv_tables import write_table
from page.claims import coverage_of_data, narrower_data
from page.replicas import (
    FURTHER,
    OUTSIDE,
    FurtherEncoder,
    Replicated,
    format_replicas,
    read_replicas,
)
from runner.graph import read_entry
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from stages import report
from tests.reads import ROOT
from tests.unit.page.conftest import read

ZERO_SHOT, FINETUNED = "rn_web_broad", "rn_web_broad_finetuned"
CONTROL, NARROW = "rn_web_broad_labels", "rn_web_narrow"
KURTOSIS, ROBUSTNESS = "kurtosis.kurtosis", "robustness.robustness"
OWN_SEED = 1


@pytest.fixture
def rows(study) -> list[dict[str, Any]]:
    """Return three replicas of two encoders and of the further ones; those of seed 1 are theirs."""
    numbers = {e.key: {one.name: one.value for one in e.results.numbers} for e in read(study)}
    like = {key: numbers.get(key, numbers[ZERO_SHOT]) for key in (ZERO_SHOT, FINETUNED)}
    like |= dict.fromkeys((CONTROL, NARROW), numbers[ZERO_SHOT])
    return [
        {"encoder": key, "seed": seed}
        | {name: None if x is None else x + seed - OWN_SEED for name, x in own.items()}
        | {OUTSIDE: 0}
        for key, own in like.items()
        for seed in range(3)
    ]


def read_rows(
    folder: Path, rows: list[dict[str, Any]], study: dict[str, Any], seed: int = OWN_SEED
) -> tuple[dict[str, dict[str, Replicated]], list[str]]:
    """Write rows as the table, and read it as a study does that trains with this seed."""
    write_table(file := folder / "replicas.csv", pd.DataFrame(rows), list(rows[0]))
    results = {e.key: e.results for e in read(study)}
    return read_replicas(file, dict.fromkeys(results, seed), results)


def test_a_table_with_the_study_s_numbers_for_its_own_seed_is_current(study, rows, tmp_path):
    kurtosis = study["results"][ZERO_SHOT]["kurtosis"]["kurtosis"]
    for change in (0, 1e-4):  # the second is not shown
        kurtosis["value"] += change
        replicas, outdated = read_rows(tmp_path, rows, study)
        assert list(replicas) == [ZERO_SHOT, FINETUNED, CONTROL, NARROW] and outdated == []
        found = replicas[ZERO_SHOT][KURTOSIS]
        assert found.by_seed == {seed: rows[seed][KURTOSIS] for seed in range(3)}
        assert found.mean == pytest.approx(rows[1][KURTOSIS]) and found.deviation == 1
        assert format_replicas(found, 2) == " ± 1.00" and found.seeds == 3


def test_a_measure_with_other_numbers_is_out_of_date_for_all_encoders(study, rows, tmp_path):
    study["results"][FINETUNED]["kurtosis"]["kurtosis"]["value"] += 0.01
    replicas, outdated = read_rows(tmp_path, rows, study)
    assert outdated == ["kurtosis"]
    for key in (ZERO_SHOT, FINETUNED, CONTROL):  # a further encoder, too
        assert KURTOSIS not in replicas[key] and ROBUSTNESS in replicas[key]


def test_the_seed_of_an_encoder_is_that_of_its_recipe(monkeypatch):
    monkeypatch.chdir(ROOT)
    params, entry = Params(), read_entry("report", "", load_tree(PARAMS))
    listed = ListedParams(params, entry.params, entry.stage)
    encoders, _, _ = report.read_encoders(listed, Inputs(entry.deps, entry.stage))
    # with other seeds, no measure would be current
    assert all(e.replicas for e in encoders if e.entry.training != "untrained")


def test_a_replica_outside_the_range_counts_for_all_that_is_not_on_a_line(study, rows, tmp_path):
    rows[0] |= {OUTSIDE: 1, ROBUSTNESS: 9999}
    own = read_rows(tmp_path, rows, study)[0][ZERO_SHOT]
    assert len(own[KURTOSIS].by_seed) == 3
    found = own[ROBUSTNESS]
    assert list(found.by_seed) == [1, 2] and (found.seeds, found.left_out) == (3, 1)
    assert format_replicas(found) == " ± 0.7 (without 1 of 3 seeds ‡)"
    rows[2] |= {OUTSIDE: 2}
    single = read_rows(tmp_path, rows, study)[0][ZERO_SHOT][ROBUSTNESS]
    assert single.deviation is None and format_replicas(single) == " (without 2 of 3 seeds ‡)"
    study["results"][ZERO_SHOT]["robustness"]["extrapolated"] = 1
    rows[1] |= {OUTSIDE: 1}
    none = read_rows(tmp_path, rows, study)[0][ZERO_SHOT][ROBUSTNESS]
    assert (none.mean, none.seeds) == (None, 3)


@pytest.fixture
def further(study) -> list[FurtherEncoder]:
    """Return the control and the encoder of narrower images, with five seeds and higher ones."""
    (other,) = (e for e in read(study) if e.key == ZERO_SHOT)
    entries = msgspec.convert(load_tree(ROOT / FURTHER)["encoders"], dict[str, EncoderEntry])
    low, high = ({seed: at + float(seed) for seed in range(5)} for at in (10, 12))
    other = msgspec.structs.replace(other, replicas={ROBUSTNESS: Replicated(by_seed=low)})
    replicas = {ROBUSTNESS: Replicated(by_seed=high)}
    return [
        FurtherEncoder(key=key, entry=entry, replicas=replicas, other=other)
        for key, entry in entries.items()
    ]


def test_further_encoders_are_compared_seed_by_seed(study, further):
    # The ranges overlap, but each is two points above the other of its seed.
    labels = coverage_of_data(read(study), further=further)
    narrow = narrower_data(read(study), further=further)
    assert (labels.verdict, narrow.verdict) == ("supported", "contradicted")
    control = further[1]
    control.replicas[ROBUSTNESS].by_seed[0] += 1
    (case,) = coverage_of_data(read(study), further=further).cases
    assert case.group == f"{control.entry.label} minus {control.other.entry.label}"
    assert case.widest and (case.widest.value, *case.widest.ends) == pytest.approx((2.2, 2, 3))


def test_five_seeds_have_to_count_for_both_and_without_any_no_number_is_shown(study, further):
    other = further[0].other.replicas[ROBUSTNESS].by_seed
    del other[0]
    assert coverage_of_data(read(study), further=further).verdict == "undecided"
    other |= {0: 99.0}  # one seed disagrees
    assert coverage_of_data(read(study), further=further).verdict == "undecided"
    for one in further:
        one.replicas[ROBUSTNESS] = Replicated(by_seed={}, left_out=5)
    labels = coverage_of_data(read(study), further=further)
    assert labels.verdict == "undecided" and labels.cases[0].number is labels.drawing is None
    assert "without 5 of 5 seeds" in labels.cases[0].seeds
