"""Replicas: which measures of the table are current, and what they change on the page."""

from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pytest

from interpreting_clip.config.params import PARAMS, Params
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.formats.csv_tables import write_table
from interpreting_clip.formats.result import Estimate
from page.differences import seed_text
from page.further_encoders import FURTHER, FurtherEncoder, read_further
from page.replicas import OUTSIDE, Replicated, read_replicas
from page.robustness_claims import coverage_of_data, narrower_data
from page.verdicts import Claim
from runner.graph import read_entry
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from stages import report
from tests.reads import ROOT
from tests.unit.page.conftest import read

ZERO_SHOT, FINETUNED = "rn_web_broad", "rn_web_broad_finetuned"
CONTROL, NARROW = "rn_web_broad_labels", "rn_web_narrow"
KURTOSIS, ROBUSTNESS = "kurtosis.kurtosis", "robustness.robustness"
CURVED = "robustness.curved.robustness"
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
        assert seed_text(found, 2) == "± 1.00" and found.seeds == 3


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
    assert seed_text(found) == "± 0.7‡"
    rows[2] |= {OUTSIDE: 2}
    single = read_rows(tmp_path, rows, study)[0][ZERO_SHOT][ROBUSTNESS]
    assert single.deviation is None and seed_text(single) == "‡"
    study["results"][ZERO_SHOT]["robustness"]["extrapolated"] = 1
    rows[1] |= {OUTSIDE: 1}
    none = read_rows(tmp_path, rows, study)[0][ZERO_SHOT][ROBUSTNESS]
    assert (none.mean, none.seeds) == (None, 3)


def by_seed(start: float, spread: float = 1.0) -> dict[int, float]:
    return {seed: start + spread * seed for seed in range(5)}


@pytest.fixture
def further(study) -> list[FurtherEncoder]:
    """Return the control and the encoder of narrower images, 20 points above the study's encoder.

    The lines' error has a standard deviation of 2 points.
    """
    robustness = study["results"][ZERO_SHOT]["robustness"]
    curve = {"robustness": {"value": 0.0}, "limit": 9.0, "draws": [-2.0, 0.0, 2.0]}
    robustness["curved"] = curve | {"knees": {}, "per_shift": {}, "standard": 0.0}
    (own,) = (e for e in read(study) if e.key == ZERO_SHOT)
    own = msgspec.structs.replace(own, replicas={CURVED: Replicated(by_seed=by_seed(10))})
    replicas = {
        key: {CURVED: Replicated(by_seed=by_seed(30.0, spread))}
        for key, spread in ((CONTROL, 1.0), (NARROW, 2.0))
    }
    return read_further(load_tree(ROOT / FURTHER), load_tree(ROOT / PARAMS), replicas, [own])


def numbers(claim: Claim) -> list[Estimate]:
    return [case.number for case in claim.cases if case.number]


def test_further_encoders_are_compared_seed_by_seed_with_the_error_of_the_lines(study, further):
    labels = coverage_of_data(read(study), further=further)
    narrow = narrower_data(further)
    assert (labels.verdict, narrow.verdict) == ("supported", "contradicted")
    (number,) = numbers(labels)
    half = 2.776445 * 2  # t of four degrees of freedom; the differences are equal
    assert (number.value, *number.ends) == pytest.approx((20, 20 - half, 20 + half))
    pair = labels.cases[0].name
    assert pair.startswith("RN supervised, web-broad labels (control) minus RN zero-shot")
    (number,) = numbers(narrow)
    half = 2.776445 * (4 + 2.5 / 5) ** 0.5  # and with a variance over seeds of 2.5
    assert (number.value, number.high) == pytest.approx((-22, -22 + half))


def test_the_note_names_what_else_differs_between_the_trainings(study, further):
    labels, narrow = further[1], further[0]
    assert (labels.key, labels.differs) == (CONTROL, ())
    assert {"images", "styles", "epochs", "warmup steps"} <= {*narrow.differs}
    note = narrower_data(further).note
    assert note.endswith(f" in {', '.join(narrow.differs)}.") and "seed" not in note


def test_few_seeds_or_seeds_that_disagree_leave_a_comparison_open(study, further):
    control = further[1].replicas[CURVED].by_seed
    control |= {0: -200.0}
    assert coverage_of_data(read(study), further=further).verdict == "undecided"
    for seed in (0, 1, 2, 3):
        del control[seed]
    one = coverage_of_data(read(study), further=further)
    assert (one.verdict, numbers(one)[0].low) == ("undecided", None)
    further[1].replicas[CURVED] = Replicated(by_seed={}, left_out=5)
    none = coverage_of_data(read(study), further=further)
    assert none.verdict == "undecided" and none.cases[0].number is None
    assert none.cases[0].seeds == "‡"
