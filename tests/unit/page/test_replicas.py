"""Replicas: which of a table are the study's own, and what they change on the page."""

from collections.abc import Collection
from pathlib import Path

import msgspec
import pandas as pd
import pytest

from interpreting_clip.config.params import PARAMS
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.encoders.entries import EncoderEntry
from interpreting_clip.errors import InputError
from interpreting_clip.formats.tables import write_table
from page.claims import coverage_of_data, narrower_data, study_claims
from page.replicas import (
    FURTHER,
    IDENTITY,
    MEASURED_WITH,
    OUTSIDE,
    FurtherEncoder,
    Replicated,
    ReplicatedEncoder,
    changed_parameters,
    difference_over_seeds,
    format_replicas,
    is_on_a_line,
    read_further,
    read_replicas,
    read_trainings,
    spread_in_words,
    training_code,
    training_settings,
    with_further,
)
from tests.reads import ROOT
from tests.unit.page.conftest import interval, read

CODE = {"pretrain": "aa", "finetune": "bb", "supervise": "cc"}
ZERO_SHOT, FINETUNED = "rn_web_broad", "rn_web_broad_finetuned"
CONTROL, NARROW = "rn_web_broad_labels", "rn_web_narrow"
KURTOSIS, ROBUSTNESS = "kurtosis.kurtosis", "robustness.robustness"


@pytest.fixture
def params() -> dict:
    return load_tree(ROOT / "params.yaml")


def with_all(params: dict) -> dict:
    """Return how the encoders of a study and the further ones are trained."""
    further = read_trainings(load_tree(ROOT / FURTHER), FURTHER)
    return with_further(read_trainings(params, PARAMS), further)


def rows_of(params: dict, *keys: str) -> list[dict]:
    """Return three replicas of each encoder."""
    of = with_all(params)
    return [
        dict(zip(IDENTITY, (key, seed, *training), strict=True))
        | {KURTOSIS: value, ROBUSTNESS: 10 * value, OUTSIDE: 0, "robustness.natural": None}
        for key in keys
        for training in [(training_settings(key, of), training_code(key, of, CODE))]
        for seed, value in enumerate((2.5, 3.0, 3.5))
    ]


@pytest.fixture
def rows(params) -> list[dict]:
    """Return three replicas of an encoder and of the one that starts from it."""
    return rows_of(params, ZERO_SHOT, FINETUNED)


def read_rows(
    folder: Path,
    rows: list[dict],
    params: dict,
    code: dict[str, str] = CODE,
    changed: Collection[str] = (),
) -> dict:
    """Write rows as the table, and read it as that of a study."""
    write_table(file := folder / "replicas.csv", pd.DataFrame(rows), list(rows[0]))
    return read_replicas(file, with_all(params), code, changed)


def spread(*values: float, left_out: int = 0) -> Replicated:
    return Replicated(by_seed=dict(enumerate(values)), left_out=left_out)


def test_numbers_come_back_by_encoder_and_name_and_a_lone_replica_is_refused(
    params, rows, tmp_path
):
    expected = {
        KURTOSIS: spread(2.5, 3.0, 3.5),
        ROBUSTNESS: spread(25, 30, 35),
        OUTSIDE: spread(0, 0, 0),
    }
    assert read_rows(tmp_path, rows, params) == dict.fromkeys((ZERO_SHOT, FINETUNED), expected)
    found = expected[KURTOSIS]
    assert (found.mean, found.deviation, found.seeds, found.remaining) == (3.0, 0.5, 3, "")
    with pytest.raises(InputError, match=rf"replicas\.csv: .*two replicas of {ZERO_SHOT}"):
        read_rows(tmp_path, rows[:1], params)
    rows[4] |= {KURTOSIS: "high"}
    with pytest.raises(InputError, match=r"replicas\.csv: .*high"):
        read_rows(tmp_path, rows, params)


def test_replicas_with_other_settings_or_of_other_code_are_left_out_or_outdated(
    params, rows, tmp_path
):
    for stage, keys in (
        ("pretrain", {ZERO_SHOT, FINETUNED}),
        ("finetune", {FINETUNED}),
        ("supervise", set()),
    ):
        found = read_rows(tmp_path, rows, params, CODE | {stage: "new"})
        outdated = {key for key, one in found.items() if one[KURTOSIS].outdated}
        assert outdated == keys, stage
    for section, key, name, value in (
        ("recipes", "rn_broad", "epochs", 3),
        ("backbones", "rn", "embedding", 32),
        ("datasets", "web_broad", "images", 9),
        ("pretrain", ZERO_SHOT, "dataset", "imagenet_captions"),
    ):
        changed = params | {section: params[section] | {key: params[section][key] | {name: value}}}
        assert read_rows(tmp_path, rows, changed) == {}, section


def test_numbers_that_were_measured_with_other_settings_are_left_out(params, rows, tmp_path):
    for changed in ("robustness", "datasets.imagenet_r", "heads.zero_shot"):
        kept = read_rows(tmp_path, rows, params, changed={changed})[ZERO_SHOT]
        assert KURTOSIS in kept and ROBUSTNESS not in kept
    assert ROBUSTNESS in read_rows(tmp_path, rows, params, changed={"concepts"})[ZERO_SHOT]


def test_every_number_of_the_table_has_its_settings(params):
    table = pd.read_csv(ROOT / "studies/replicas.csv").drop(columns=[*IDENTITY])
    assert {str(name).partition(".")[0] for name in table} == {*MEASURED_WITH}
    paths = {path for each in MEASURED_WITH.values() for path in each}
    assert changed_parameters(params, {}) == paths  # the study has each of them
    assert changed_parameters(params, load_tree(ROOT / "studies/replicas.yaml")) == set()


def test_a_replica_outside_the_range_counts_for_all_that_is_not_on_a_line(params, rows, tmp_path):
    rows[1] |= {OUTSIDE: 1, ROBUSTNESS: 9999, "robustness.natural": 9999}
    own = read_rows(tmp_path, rows, params)[ZERO_SHOT]
    assert own[KURTOSIS] == spread(2.5, 3.0, 3.5)
    found = own[ROBUSTNESS]
    assert found.by_seed == {0: 25, 2: 35} and (found.seeds, found.left_out) == (3, 1)
    assert format_replicas(found) == " ± 7.1 (without 1 of 3 seeds ‡)"
    assert "± 7.1 over 2 of 3 seeds" in spread_in_words(found)
    rows[0] |= {OUTSIDE: 5}
    alone = read_rows(tmp_path, rows, params)[ZERO_SHOT][ROBUSTNESS]
    assert (alone.mean, alone.deviation) == (35, None) and "±" not in spread_in_words(alone)
    rows[2] |= {OUTSIDE: 2}
    none = read_rows(tmp_path, rows, params)[ZERO_SHOT][ROBUSTNESS]
    assert (none.mean, none.seeds) == (None, 3) and "none of 3 seeds" in spread_in_words(none)


def test_a_difference_has_the_seeds_that_count_for_both(study):
    entry = msgspec.convert(study["entries"][ZERO_SHOT], EncoderEntry)
    first, second = (
        ReplicatedEncoder(key=key, entry=entry, replicas={ROBUSTNESS: found})
        for key, found in (
            ("first", Replicated(by_seed={1: 5.0, 2: 8.0, 3: 9.0}, left_out=1)),
            ("second", Replicated(by_seed={3: 2.0, 1: 1.0}, left_out=2, outdated=True)),
        )
    )
    expected = Replicated(by_seed={1: 4.0, 3: 7.0}, left_out=2, outdated=True)
    assert difference_over_seeds(first, second, ROBUSTNESS) == expected
    assert difference_over_seeds(first, second, KURTOSIS) is None


def test_effective_robustness_and_what_pruning_leaves_of_it_are_on_a_line():
    on, off = ("prunable.prunable", "prunable.by_robustness"), ("prunable.by_accuracy", KURTOSIS)
    on += (ROBUSTNESS, "robustness.style", "robustness.per_shift.objectnet.robustness")
    off += ("robustness.imagenet", "robustness.per_shift.objectnet.accuracy", OUTSIDE)
    assert all(map(is_on_a_line, on)) and not any(map(is_on_a_line, off))


def test_another_spelling_is_not_another_setting(params):
    expected = training_settings(FINETUNED, with_all(params))
    assert repr(params["datasets"]["web_broad"]["rotation"]) == "20.0"
    params["datasets"]["web_broad"]["rotation"] = 20
    assert training_settings(FINETUNED, with_all(params)) == expected


def descending(study: dict) -> None:
    """Leave one family, whose effective robustness descends far from every line's ends."""
    del study["entries"]["vit_web_broad"]
    for key, mean in ((ZERO_SHOT, 28), (FINETUNED, 12), ("rn_supervised", 0)):
        robustness = study["results"][key]["robustness"]
        robustness |= {"robustness": interval(mean), "extrapolated": 0, "draws": [mean, mean]}
        for one in robustness["per_shift"].values():
            one["extrapolated"] = False


def test_replicas_outside_the_range_change_no_verdict(study, params, tmp_path):
    descending(study)
    trained = [key for key, entry in study["entries"].items() if entry["training"] != "untrained"]
    rows = rows_of(params, *trained)
    for row in rows:
        results = study["results"][row["encoder"]]
        row |= {ROBUSTNESS: results["robustness"]["robustness"]["value"]}
        row |= {"prunable.prunable": results["prunable"]["prunable"], KURTOSIS: 2.9}

    def verdicts() -> dict[str, str]:
        study["replicas"] = read_rows(tmp_path, rows, params)
        return {claim.key: claim.verdict for claim in study_claims(read(study))}

    expected = verdicts()
    assert expected["robustness-order"] == "supported" and expected["prunable"] == "not supported"
    for wild in (-1000.0, 1000.0):
        for row in rows[::3]:
            row |= {OUTSIDE: 5, ROBUSTNESS: wild, "prunable.prunable": wild}
        assert verdicts() == expected
        # Inside the range, the same numbers count.
        for row in rows[::3]:
            row |= {OUTSIDE: 0}
        assert verdicts()["robustness-order"] == "undecided"


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
    assert (labels.verdict, narrow.verdict) == ("supported", "not supported")
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
        one.replicas[ROBUSTNESS] = spread(left_out=5)
    labels = coverage_of_data(read(study), further=further)
    assert labels.verdict == "undecided" and labels.cases[0].number is labels.drawing is None
    assert "without 5 of 5 seeds" in labels.cases[0].seeds


def test_a_study_with_other_trainings_has_no_further_encoders(study, params, tmp_path):
    def found(params: dict, code: dict[str, str] = CODE) -> dict[str, FurtherEncoder]:
        replicas = read_rows(tmp_path, rows, params, code)
        study["replicas"] = {key: one for key, one in replicas.items() if key in study["entries"]}
        return {e.key: e for e in read_further(load_tree(ROOT / FURTHER), replicas, read(study))}

    rows = rows_of(params, ZERO_SHOT, CONTROL, NARROW)
    assert list(found(params)) == [NARROW, CONTROL]
    assert found(params)[CONTROL].other.key == ZERO_SHOT
    changed = found(params, CODE | {"supervise": "new"})
    assert [one.replicas[KURTOSIS].outdated for one in changed.values()] == [False, True]
    recipe = params["recipes"]["rn_broad"] | {"epochs": 3}
    assert found(params | {"recipes": params["recipes"] | {"rn_broad": recipe}}) == {}
    assert found(load_tree(ROOT / "studies/laptop.yaml")) == {}
    # an encoder of the study itself is no further one
    study["entries"] |= {NARROW: study["entries"]["rn_imagenet_captions"]}
    study["results"] |= {NARROW: study["results"]["rn_imagenet_captions"]}
    assert list(found(params)) == [CONTROL]
    del rows[:3]  # nothing to compare with
    assert found(params) == {}
