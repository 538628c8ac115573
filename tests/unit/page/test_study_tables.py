import numpy as np
import pytest

from interpreting_clip.charts.series import HEAD_LABELS, LEAST_SHARE, MEAN_OF_SHIFTS
from page.study_tables import COLUMNS
from tests.unit.page.conftest import SHIFTS, tables_of


def test_tables_hold_the_numbers_of_the_results(study):
    results = study["results"]["rn_web_broad"]
    directions, pruned = results["directions"], results["pruning"]["imagenet"]
    directions["importance"] = [4.0, 1.0, 0.0]
    tables = tables_of(study)
    assert {name: tuple(table) for name, table in tables.items()} == COLUMNS
    cka = study["comparisons"][0].cka.cka
    assert tables["cka"]["cka"][cka.shape[1] + 1] == cka[1, 1]
    measures = tables["measures"].query("number == 1")
    values = measures.set_index(["measure", "number_of_measure"])["value"]
    unique = results["concepts"]["features"]["unique"]["value"]
    assert values["concepts", "features: unique concepts"] == unique
    assert set(tables["training"]["label"]) == {
        entry["label"] for entry in study["entries"].values() if entry["training"] != "untrained"
    }
    # importance is a share of the largest of its head
    first = tables["importance"].query("number == 1")
    assert list(first.query("head == 'head'")["share"]) == [1, 0.25, LEAST_SHARE]
    # pruning has each head, and the mean over the shifts
    at = tables["pruning"].query("number == 1 and fraction == 0.3").set_index(["dataset", "head"])
    random = np.mean(pruned["random_accuracy"], axis=0)
    curves = [curve[3] for curve in (pruned["accuracy"], pruned["other_accuracy"], random)]
    assert list(at["accuracy"]["ImageNet"][list(HEAD_LABELS)]) == pytest.approx(curves)
    mean = np.mean([results["pruning"][shift]["accuracy"][3] for shift in SHIFTS])
    assert at["accuracy"][MEAN_OF_SHIFTS, "head"] == pytest.approx(mean)


def test_the_null_of_kurtosis_is_the_untrained_encoders_of_backbone_and_representation(study):
    def nulls():
        table = tables_of(study)["kurtosis"].set_index("label")
        return table[["null", "null_low", "null_high"]]

    study["results"]["rn_imagenet_captions"]["kurtosis"]["representation"] = "rectified"
    found = nulls()
    for label, backbone in (("RN supervised", "rn"), ("ViT supervised", "vit")):
        null = study["nulls"][backbone]["numbers"]["kurtosis"]
        assert list(found.loc[label]) == pytest.approx([np.mean(null), min(null), max(null)])
    assert list(found.index[found["null"].isna()]) == ["RN zero-shot, ImageNet-Captions"]
    study["nulls"] = {}
    single = study["results"]["vit_untrained"]["kurtosis"]["kurtosis"]["value"]
    assert list(nulls().loc["ViT supervised"].dropna()) == [single]


def test_points_stand_at_the_abscissa_of_the_shift_as_high_above_the_line_as_results_say(study):
    rows = tables_of(study)["effective_robustness"]
    points = rows[rows["kind"] == "encoder"]
    heights = points["accuracy"] - points["baseline"]
    assert list(heights) == pytest.approx(list(points["effective_robustness"]), abs=1e-5)
    # Untrained encoders, the last two, are left out.
    assert set(points["number"]) == set(range(1, 8)) and len(points) == 7 * 5
    on_objectnet = rows[rows["shift"] == "ObjectNet"].groupby("kind")["imagenet"].first()
    first, model = study["results"]["rn_web_broad"], study["baseline"]["models"][0]
    assert on_objectnet["encoder"] == first["robustness"]["per_shift"]["objectnet"]["imagenet"]
    assert on_objectnet["standard"] == model["imagenet_on_objectnet_classes"]
