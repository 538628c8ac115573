"""Several encoders are measured as each by itself, and subtracted on the same images."""

from typing import Any

import numpy as np
import pytest

import interpreting_clip as ic
from interpreting_clip.catalogue import COMPARISONS
from interpreting_clip.formats.comparison_tables import WIDTH
from interpreting_clip.measures.encoder_comparison import Comparison, paired_differences
from interpreting_clip.statistics.random_numbers import generator

RNG = np.random.default_rng(5)
IMAGES, FEATURES, CLASSES = 120, 12, 4
CLASS = np.arange(IMAGES) % CLASSES
HEAD = RNG.normal(size=(CLASSES, FEATURES))
VALUES = RNG.normal(size=(IMAGES, FEATURES)) + HEAD[CLASS]
TURN = np.linalg.qr(RNG.normal(size=(FEATURES, FEATURES)))[0]
NEAR = VALUES + 0.3 * RNG.normal(size=VALUES.shape)
SHOWN = {"a": VALUES[:, 0] > 0.5, "b": VALUES[:, 1] > 0.5}
LONG = "a name that is too long for the top of a column"

ENCODERS = {"own": VALUES, "turned": VALUES @ TURN, "near": NEAR}
HEADS = {"own": HEAD, "turned": HEAD @ TURN, "near": HEAD}


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return ic.compare(ENCODERS, head=HEADS, classes=CLASS, labels=SHOWN)


def differences(comparison: Comparison, first: str, second: str) -> dict[str, Any]:
    return {
        one.number.name: one.number
        for one in comparison.differences
        if (one.first, one.second) == (first, second)
    }


def test_the_results_are_those_of_the_functions_one_by_one(comparison):
    for name, values in ENCODERS.items():
        head = HEADS[name]
        directions = ic.directions(values, head=head)
        expected = {
            "kurtosis": ic.kurtosis(values),
            "massive_activations": ic.massive_activations(values),
            "participation_ratio": ic.participation_ratio(values),
            "privileged_basis": ic.privileged_basis(values),
            "directions": directions,
            "accuracy": ic.accuracy(values, head=head, classes=CLASS),
            "pruning": ic.pruning(values, head=head, classes=CLASS),
            "concepts": ic.concepts(values, labels=SHOWN, directions=directions),
        }
        assert comparison.results[name].keys() == expected.keys()
        for measure, result in expected.items():
            assert comparison.results[name][measure].to_dict() == result.to_dict()
    assert [(one.first, one.second) for one in comparison.similarities] == [
        ("own", "turned"),
        ("own", "near"),
        ("turned", "near"),
    ]
    for one in comparison.similarities:
        for measure in COMPARISONS:
            found = one.results[measure.name].to_dict()
            assert found == measure.function(ENCODERS[one.first], ENCODERS[one.second]).to_dict()


def test_a_rotation_changes_no_accuracy_and_no_similarity(comparison):
    found = differences(comparison, "own", "turned")
    assert [getattr(found["accuracy"], end) for end in ("value", "low", "high")] == [0, 0, 0]
    for end in ("value", "low", "high"):
        assert getattr(found["dimensions"], end) == pytest.approx(0, abs=1e-9)
    assert comparison.similarities[0].numbers["cka"].value == pytest.approx(1)
    assert comparison.similarities[0].numbers["mutual_neighbours"].value == 1


def test_differences_are_those_of_the_same_images(comparison):
    found = differences(comparison, "own", "near")
    own, near = comparison.results["own"], comparison.results["near"]
    right = [np.asarray(getattr(one["accuracy"], "correct"), float) for one in (own, near)]  # noqa: B009
    rng = generator(0, "bootstrap of images")
    draws = []
    for _ in range(1000):
        drawn = rng.integers(IMAGES, size=IMAGES)
        draws.append(100 * (right[0][drawn].mean() - right[1][drawn].mean()))
    ends = np.quantile(draws, [0.025, 0.975])
    accuracy = found["accuracy"]
    assert accuracy.value == pytest.approx(100 * (right[0] - right[1]).mean())
    assert (accuracy.low, accuracy.high) == pytest.approx(tuple(ends))
    # What both share cancels.
    alone = own["accuracy"].numbers[0]
    assert accuracy.high - accuracy.low < alone.high - alone.low
    blocks = [
        np.array(
            [
                participation(np.delete(values, np.arange(start, IMAGES, 20), axis=0))
                for start in range(20)
            ]
        )
        for values in (VALUES, NEAR)
    ]
    apart = blocks[0] - blocks[1]
    reach = 1.959964 * np.sqrt(19 / 20 * np.sum((apart - apart.mean()) ** 2))
    dimensions = found["dimensions"]
    assert dimensions.high - dimensions.value == pytest.approx(reach, rel=1e-5)


def participation(values: np.ndarray) -> float:
    eigenvalues = np.linalg.eigvalsh(np.cov(values.T))
    return float(eigenvalues.sum() ** 2 / np.sum(eigenvalues**2))


def test_a_known_number_of_images_is_the_difference():
    head = np.eye(CLASSES, FEATURES)
    values = 9 * head[CLASS] + 0.1 * RNG.normal(size=VALUES.shape)
    wrong = values.copy()
    wrong[:30] = -wrong[:30]
    found = differences(
        ic.compare({"right": values, "wrong": wrong}, head=head, classes=CLASS), "right", "wrong"
    )
    assert found["accuracy"].value == pytest.approx(25)
    assert 15 < found["accuracy"].low < 25 < found["accuracy"].high < 35
    # A negated image has the same kurtosis.
    assert [found["kurtosis"].value, found["kurtosis"].low] == pytest.approx([0, 0], abs=1e-12)


def test_the_order_of_encoders_changes_signs_only(comparison):
    backwards = dict(reversed(ENCODERS.items()))
    other = ic.compare(backwards, head=HEADS, classes=CLASS, labels=SHOWN)
    for first, second in (("own", "turned"), ("own", "near"), ("turned", "near")):
        there, back = differences(comparison, first, second), differences(other, second, first)
        assert there.keys() == back.keys()
        for name, one in there.items():
            assert -one.value == pytest.approx(back[name].value)
            if one.low is not None:
                mirrored = (-back[name].high, -back[name].low)
                assert (one.low, one.high) == pytest.approx(mirrored, abs=1e-9)
    own, others = comparison.to_frame(), other.to_frame()
    assert own.loc[[*backwards]].equals(others)


def test_an_encoder_differs_in_nothing_from_itself():
    labels = {"labels": SHOWN, "head": HEAD, "classes": CLASS}
    found = ic.compare({"one": VALUES, "same": VALUES}, **labels)
    for one in found.differences:
        assert one.number.value == 0 and one.number.chance in (0, None)
        assert {one.number.low, one.number.high} <= {0, None}
    known = {one.number.name for one in found.differences if one.number.low is not None}
    assert known == {
        *("kurtosis", "massive_ratio", "dimensions", "accuracy"),
        *("concepts_directions", "concepts_features"),
    }
    assert "without an interval" in " ".join(found.notes)


def test_draws_of_common_lines_are_subtracted():
    given = {"imagenet": 76.0, "imagenet_v2": 63.0, "imagenet_r": 36.0, "imagenet_a": 5.0}
    results = {
        name: {"effective_robustness": ic.effective_robustness({**given, "imagenet_r": percent})}
        for name, percent in (("high", 46.0), ("low", 36.0))
    }
    found = {one.number.name: one.number for one in paired_differences(results, [("high", "low")])}
    for name, part in (("robustness", None), ("robustness_curved", "curved")):
        sides: list[Any] = [one["effective_robustness"] for one in results.values()]
        draws = [np.array((getattr(one, part) if part else one).draws) for one in sides]
        ends = np.quantile(draws[0] - draws[1], [0.025, 0.975])
        assert found[name].value == pytest.approx(10 / 3)
        assert (found[name].low, found[name].high) == pytest.approx(tuple(ends))
        assert np.ptp(ends) < sides[0].robustness.high - sides[0].robustness.low


def test_an_encoder_without_a_head_has_no_accuracy():
    found = ic.compare({"own": VALUES, "none": NEAR[:, 1:]}, head={"own": HEAD}, classes=CLASS)
    table = found.to_frame()
    assert table["accuracy"].isna().tolist() == [False, True]
    assert table["features"].tolist() == [FEATURES, FEATURES - 1]
    assert "accuracy" not in differences(found, "own", "none")
    assert "kurtosis" in differences(found, "own", "none")


def test_tables_fit_a_terminal_and_a_notebook(comparison):
    longer = ic.compare({LONG: VALUES, "<b>": NEAR, "c": VALUES @ TURN, "d": NEAR + 1})
    for one in (comparison, longer):
        tables, _, _ = repr(one).rpartition("\n\n")
        assert max(map(len, tables.splitlines())) <= WIDTH
    assert f"1  {LONG}" in repr(longer) and "3 − 4" in repr(longer)
    shown = comparison.to_frame().loc["near", "kurtosis"]
    assert f"{shown:.2f} [" in repr(comparison)
    assert "&lt;b&gt;" in longer._repr_html_() and "<b>" not in longer._repr_html_()


def test_frames_have_the_numbers_with_intervals_and_chance_levels(comparison):
    table, pairs = comparison.to_frame(), comparison.differences_frame()
    kurtosis: Any = comparison.results["own"]["kurtosis"]
    own = table.loc["own"]
    assert (
        own["kurtosis"] == kurtosis.kurtosis.value and own["kurtosis_low"] == kurtosis.kurtosis.low
    )
    assert own["kurtosis_chance"] == kurtosis.isotropic
    rotated: Any = comparison.results["own"]["privileged_basis"]
    assert own["outlier_features_chance"] == rotated.rotated_outliers.value
    assert "outlier_features_low" not in table  # nothing has one
    row = pairs.set_index(["first", "second", "measure"]).loc[("own", "near", "accuracy")]
    assert row["unit"] == "points"
    assert row["difference"] == pytest.approx(own["accuracy"] - table.loc["near", "accuracy"])
    assert comparison.similarities_frame()["cka_chance"].tolist() == [0, 0, 0]
    assert f"{len(pairs)} differences" in " ".join(comparison.notes)


REFUSED = {
    "one": (lambda: ic.compare({"a": VALUES}), "two encoders"),
    "images": (
        lambda: ic.compare({"a": VALUES, "b": VALUES[1:]}),
        "a has 120 images and b 119",
    ),
    "unknown": (lambda: ic.compare({"a": VALUES, "b": NEAR}, head={"c": HEAD}), "head: c is not"),
    "width": (
        lambda: ic.compare({"a": VALUES, "b": NEAR[:, 1:]}, head=HEAD),
        "b: head: expected 11 features",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refuses_in_one_line(case):
    call, said = REFUSED[case]
    with pytest.raises((TypeError, ValueError), match=said) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_classes_to_choose_from_and_rectified_features_are_as_in_the_command():
    among = np.unique(CLASS)[:-1]
    kept = np.isin(CLASS, among)
    values = {"one": np.maximum(VALUES[kept], 0), "two": VALUES[kept]}
    found = ic.compare(values, head=HEAD, classes=CLASS[kept], among=among)
    expected = ic.accuracy(values["two"], head=HEAD, classes=CLASS[kept], among=among)
    assert found.results["two"]["accuracy"].to_dict() == expected.to_dict()
    assert expected.classes == len(among)
    assert "privileged_basis" in found.results["two"]
    assert "privileged_basis" not in found.results["one"]
