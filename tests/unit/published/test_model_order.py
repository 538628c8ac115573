"""Who leads, how models of a backbone differ, and how far the order depends on the line."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.measures.rank_correlation import spearman
from interpreting_clip.published.line_choices import CHOICES, DEFAULT, MEANS
from interpreting_clip.published.model_order import model_order, over_starts
from tests.unit.published.conftest import SETTINGS


def test_leaders_are_those_that_the_lines_do_not_part(models, analysis):
    leaders = models.choices[DEFAULT].leaders
    assert leaders == ["EVA02-L-14-336/merged2b_s6b_b61k", "ViT-L-14-336/openai"]
    names = analysis.models["name"].tolist()
    _, draws = analysis.found[DEFAULT].mean(TESTBED_SHIFTS)
    places = [names.index(name) for name in (*leaders, "ViT-H-14-CLIPA-336/datacomp1b")]
    behind = [np.quantile(draws[:, places[0]] - draws[:, other], 0.025) for other in places[1:]]
    assert behind[0] <= 0 < behind[1]


# --- Models of one backbone


@pytest.mark.parametrize("key", [DEFAULT, "probit", "timm"])
def test_models_of_a_backbone_are_compared_on_the_same_lines(models, analysis, key):
    """By hand: each is the most robust of its kind, and differences are taken draw by draw."""
    table = analysis.models
    mean, draws = analysis.found[key].mean(MEANS["without_objectnet"])
    by_name = dict(zip(table["name"], table.index, strict=True))
    compared = models.choices[key].comparisons
    assert len({(one.backbone, one.data) for one in compared}) == len(compared) > 9
    for one in compared:
        kinds = table.loc[[by_name[name] for name in one.models], "training"].tolist()
        assert kinds == sorted(kinds, key=["zero_shot", "finetuned", "supervised"].index)
        for name, kind in zip(one.models, kinds, strict=True):
            same = (table["counterpart_of"] == one.backbone) & (table["training"] == kind)
            if kind != "supervised":
                same &= table["data"] == one.data
            assert mean[by_name[name]] == mean[same].max()
        for first, second, found in zip(one.models, one.models[1:], one.differences, strict=False):
            a, b = by_name[first], by_name[second]
            ends = np.quantile(draws[:, a] - draws[:, b], [0.025, 0.975])
            assert found == pytest.approx((mean[a] - mean[b], *ends), abs=1e-3)


# --- The order under another line


def numbered(models: int) -> pd.Series:
    return pd.Series([str(i) for i in range(models)])


def some_models(count: int, **columns) -> pd.DataFrame:
    return pd.DataFrame({"name": numbered(count), "start": ""}).assign(**columns)


def test_groups_that_lie_far_apart_do_not_hide_a_reversed_order():
    values = pd.Series([30.0, 31, 32, 33, 34, 1, 2, 3, 4, 5])
    default = pd.Series([34.0, 33, 32, 31, 30, 5, 4, 3, 2, 1])
    trainings = ["zero_shot"] * 5 + ["finetuned"] * 4 + ["soup"]
    models = some_models(10, training=trainings)
    found = model_order(models, values, default, values > 1, SETTINGS)
    assert np.corrcoef(values, default)[0, 1] > 0.9
    assert [one.rank_correlation for one in found.groups.values()] == [(-1, -1, -1)] * 2
    assert [one.in_range for one in found.groups.values()] == [5, 4]
    assert found.gap and found.gap[0] == 29 and found.first == 10


def test_correlations_and_their_intervals_by_hand(models, analysis):
    """The interval draws starts, each with all of its versions."""
    table = analysis.models
    shifts = MEANS["without_objectnet"]
    value, default = (analysis.found[key].mean(shifts)[0] for key in ("theil_sen", DEFAULT))
    kinds = ["finetuned", "finetuned_12k", "soup", "probed"]
    own = table[table["training"].isin(kinds) & value.notna() & default.notna()]
    group = models.choices["theil_sen"].order.groups["finetuned"]
    assert group.rank_correlation
    correlation, low, high = group.rank_correlation
    assert correlation == pytest.approx(
        spearmanr(value[own.index], default[own.index])[0], abs=1e-3
    )
    starts = own["start"].where(own["training"] != "soup", "ViT-B-32/openai")
    assert (group.models, group.starts) == (len(own), starts.nunique()) == (111, 15)
    within = own.index[~analysis.found[DEFAULT].extrapolated.any(axis=1)[own.index]]
    expected, _ = spearmanr(value[within], default[within])
    assert group.in_range == len(within) < len(own)
    assert group.in_range_correlation == pytest.approx(expected, abs=1e-3)
    generator = np.random.default_rng(1)
    draws = []
    for _ in range(400):
        picked = generator.choice(starts.unique(), size=starts.nunique())
        index = np.concatenate([own.index[starts == start] for start in picked])
        draws.append(spearmanr(value[index], default[index])[0])
    assert (low, high) == pytest.approx(np.quantile(draws, [0.025, 0.975]), abs=0.06)
    every = own.index.union(table.index[table["training"].isin(["zero_shot", "captioner"])])
    first = [set(found[every].nlargest(10).index) for found in (value, default)]
    assert models.choices["theil_sen"].order.first == len(first[0] & first[1])


def test_both_means_of_a_correlation_are_over_the_shifts_of_the_choice(models, analysis):
    shifts = ("imagenet_r", "imagenet_sketch", "imagenet_a")  # not ImageNet-V2
    value, default = (analysis.found[key].mean(shifts)[0] for key in ("with_v2", DEFAULT))
    own = analysis.models["training"].isin(["finetuned", "finetuned_12k", "soup", "probed"])
    own &= value.notna()
    found = models.choices["with_v2"].order.groups["finetuned"].rank_correlation
    assert found[0] == pytest.approx(spearmanr(value[own], default[own])[0], abs=1e-3)


def test_versions_of_one_start_are_not_independent_evidence():
    generator = np.random.default_rng(0)
    of_start = np.repeat(generator.normal(size=6), 20)
    first, second = (pd.Series(of_start + generator.normal(scale=0.1, size=120)) for _ in range(2))
    starts = pd.Series(np.repeat(list("abcdef"), 20))
    _, low, high = over_starts(spearman, first, second, starts, SETTINGS)
    alone = over_starts(spearman, first, second, numbered(120), SETTINGS)
    assert high - low > 3 * (alone[2] - alone[1])


def test_a_choice_has_the_groups_that_were_measured_for_it(models):
    groups = {key: models.choices[key].order.groups for key in CHOICES}
    assert sum(one.models for one in groups["timm"].values()) == 265
    assert models.choices[DEFAULT].order.first == 10
    # In range is the default's, also under lines that reach further.
    assert {groups[key]["finetuned"].in_range for key in ("timm", "probit", DEFAULT)} == {77}
