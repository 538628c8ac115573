import numpy as np
import pytest

from interpreting_clip.charts.tables import HEADS, LEAST_SHARE, MEAN_OF_SHIFTS
from page.study_tables import COLUMNS, kurtosis_table, study_tables
from tests.unit.page.conftest import read, read_baseline
from tests.unit.page.made_results import SHIFTS


@pytest.fixture
def tables(study, encoders, comparisons):
    return study_tables(encoders, comparisons, read_baseline(study), study["controls"])


def test_tables_hold_the_numbers_of_the_results(study, tables, comparisons):
    assert {name: tuple(table) for name, table in tables.items()} == COLUMNS
    assert tables["cka"]["cka"][7] == comparisons[0].cka[1, 1]
    assert list(tables["planted_outliers"].iloc[-1]) == ["4 raised", 30.0, 18.75, 18.75]
    measures = tables["measures"].query("label == 'RN zero-shot, web-broad'")
    values = measures.set_index(["measure", "number_of_measure"])["value"]
    assert values["concepts", "features: unique concepts"] == 20
    assert values["kurtosis", "mean kurtosis per image"] == 2.85
    assert set(tables["training"]["label"]) == {
        entry["label"] for entry in study["entries"].values() if entry["training"] != "untrained"
    }


def test_pruning_has_each_head_and_the_mean_over_the_shifts(study, tables):
    results = study["results"]["rn_web_broad"]["pruning"]
    at = tables["pruning"].query("number == 1 and fraction == 0.3").set_index(["dataset", "head"])
    pruned = results["imagenet"]
    random = np.mean(pruned["random_accuracy"], axis=0)
    expected = [curve[3] for curve in (pruned["accuracy"], pruned["other_accuracy"], random)]
    assert at["accuracy"]["ImageNet"].to_dict() == dict(zip(HEADS, expected, strict=True))
    mean = np.mean([results[shift]["accuracy"][3] for shift in SHIFTS])
    assert at["accuracy"][MEAN_OF_SHIFTS, "head"] == pytest.approx(mean)


def test_importance_is_a_share_of_the_largest_of_its_head(study):
    directions = study["results"]["rn_web_broad"]["directions"]
    directions["importance"] = [4.0, 1.0, 0.0]
    tables = study_tables(read(study), [], read_baseline(study), study["controls"])
    first = tables["importance"].query("number == 1")
    assert list(first.query("head == 'head'")["share"]) == [1, 0.25, LEAST_SHARE]
    assert first.query("rank == 1")["share"].to_list() == [1, 1, 1]


def test_the_null_of_kurtosis_is_the_untrained_encoders_of_backbone_and_representation(study):
    def nulls():
        table = kurtosis_table(read(study)).set_index("label")
        return table.reindex(columns=["null", "null_low", "null_high"])

    study["results"]["rn_web_narrow"]["kurtosis"]["representation"] = "rectified"
    found = nulls()
    assert list(found.loc["RN supervised"]) == pytest.approx([2.85, 2.3, 3.4])
    assert list(found.loc["ViT supervised"]) == pytest.approx([3.3, 2.5, 4.1])
    assert list(found.index[found["null"].isna()]) == ["RN zero-shot, web-narrow"]
    study["nulls"] = {}
    single = study["results"]["vit_untrained"]["kurtosis"]["kurtosis"]["value"]
    assert list(nulls().loc["ViT supervised"].dropna()) == [single]
