"""Published activations on the page and in the CSVs."""

import re
from dataclasses import replace

import msgspec
import numpy as np
import pytest

import interpreting_clip as ic
from interpreting_clip.charts.pictures import chart_svg
from interpreting_clip.charts.profile import PROFILE
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.formats.result_files import read_result
from interpreting_clip.formats.result_tables import format_number
from interpreting_clip.study.array_results import ArrayResults
from interpreting_clip.study.measured_arrays import MeasuredArrays
from page.array_sections import ArrayEntry, array_tables, headline_rows, profile_table
from page.names import format_estimate
from tests.reads import ROOT
from tests.unit.page.conftest import PLOTS, Tags, cells, load_study, study_page, table, undrawn


@pytest.fixture(scope="module")
def entries() -> list[ArrayEntry]:
    """Return the activations of the study in the repository, in a section with another title."""
    return [
        ArrayEntry(
            key=key,
            entry=msgspec.convert(entry | {"section": "A real <CLIP>"}, MeasuredArrays),
            results=read_result(PLOTS / f"arrays/{key}.json", ArrayResults),
        )
        for key, entry in load_tree(ROOT / "params.yaml")["arrays"].items()
    ]


def page(arrays: list[ArrayEntry]) -> str:
    """Return the page of a study without encoders."""
    with undrawn():
        return study_page(load_study() | {"entries": {}, "comparisons": [], "arrays": arrays})


def test_the_section_opens_with_its_main_numbers_and_folds_all_else(entries):
    found = page(entries)
    assert Tags(found).wrong == [] and "<h2>A real &lt;CLIP&gt;</h2>" in found
    opening, *folds = (
        found.partition('id="arrays-1"')[2].partition("</section>")[0].split("<details>")
    )
    first, random = (e.results for e in entries[:2])
    assert first.accuracy and random.accuracy
    accuracy = [format_estimate(one.accuracy.accuracy) for one in (first, random)]
    assert cells(opening, "Top-1 accuracy, %") == [*accuracy, f"{100 / first.accuracy.classes:.1f}"]
    assert first.outlier_axes
    (axis,) = first.outlier_axes.axes
    costs = format_estimate(axis.costs["images"]), format_estimate(axis.costs_at_mean["images"])
    lost = cells(opening, f"Points lost with feature {axis.feature} at 0 / mean")
    assert lost == [" / ".join(costs), "–", "–"]
    assert f"Feature {axis.feature} acts as a bias" in opening
    assert [fold.partition("</summary>")[0][9:] for fold in folds] == [
        "All numbers",
        "Images and captions (the gap)",
    ]
    assert entries[0].entry.origin in folds[0]
    prunable = cells(folds[0], "Share of the directions that can be pruned")
    assert first.pruning and prunable[0] == format_number(first.pruning.by_accuracy, 3)
    sections = re.findall(r'<section id="([^"]+)"', found)
    bar = found.partition("<nav")[2].partition("</nav>")[0]
    assert re.findall('href="#([^"]+)"', bar) == sections and "shows" not in sections


def test_a_feature_that_costs_as_much_at_its_mean_is_no_bias(entries):
    results = entries[0].results
    axis = results.outlier_axes.axes[0]
    axes = replace(results.outlier_axes, axes=[replace(axis, costs_at_mean=axis.costs)])
    changed = msgspec.structs.replace(entries[0], results=replace(results, outlier_axes=axes))
    assert "acts as a bias" not in page([changed])


def test_rows_that_no_array_has_are_left_out(entries):
    random = entries[1].results
    rows = headline_rows([replace(random, accuracy=None, outlier_axes=None)], [None])
    assert [row[0] for row in rows] == ["mean kurtosis per image", "outlier features"]


def test_each_section_draws_its_features_once(entries):
    further = [
        msgspec.structs.replace(e, entry=msgspec.structs.replace(e.entry, section="Mine"))
        for e in entries
    ]
    found = page([*entries, *further])
    header = found.partition("<main>")[0]
    for number, on_first_screen in ((1, True), (2, False)):
        figure = f'id="figure-arrays_profile_{number}"'
        assert found.count(figure) == 1 and (figure in header) == on_first_screen


def test_the_gap_has_a_table_of_what_is_left_without_its_parts(entries):
    images = np.random.default_rng(0).standard_normal((40, 6))
    gap = ic.modality_gap(images, captions=images + 9 * np.eye(6)[2], resamples=5)
    found = page(
        [msgspec.structs.replace(entries[0], results=replace(entries[0].results, modality_gap=gap))]
    )
    assert Tags(found).wrong == []
    assert "Features that separate images from captions: 2 (" in found
    left = table(found, "A real &lt;CLIP&gt;: without parts of the gap")
    centred = gap.centred
    assert centred
    shown = [format_number(centred.length, 3), format_estimate(centred.accuracy), "2.5"]
    assert cells(left, "The mean of each side")[:3] == shown
    assert left.count("<tr><th") == 4


def test_the_csv_has_every_number(entries):
    tables = array_tables(entries)
    for one in entries:
        rows = tables["arrays"][tables["arrays"]["key"] == one.key]
        assert list(rows["name"]) == [number.name for number in one.results.numbers]
        assert list(rows["value"].dropna()) == [
            number.value for number in one.results.numbers if number.value is not None
        ]


def test_the_features_of_an_image_and_of_the_mean_image_are_drawn_once_per_array(entries):
    again = msgspec.structs.replace(entries[0], key="again")
    table = profile_table([*entries, again])
    images = [e for e in entries if e.results.images > 1]
    assert len(table) == sum(2 * e.results.features for e in images)
    mean = table[(table["label"] == images[0].entry.label) & (table["image"] != "one image")]
    assert mean.set_index("feature")["z"].abs().idxmax() == 442  # as `kurtosis` finds
    (drawn,) = {
        *re.findall("feature [0-9]+: [^<]*", chart_svg(PROFILE, mean.assign(image="the mean")))
    }
    assert drawn == "feature 442: 19 σ"


def test_without_arrays_the_picture_is_empty():
    assert chart_svg(PROFILE, profile_table([])).startswith("<svg")


def test_single_rows_have_a_table_of_their_features_beyond_the_limit(entries):
    (label, expected) = ("CLIP ViT-B/32 (OpenAI), mean image", "92 at −19.8 σ (77 %)")
    rows = table(page(entries), "A real &lt;CLIP&gt;: single rows")
    assert cells(rows, label) == ["302.1", expected]
    csv = array_tables(entries)["mean_images"].set_index("label")
    assert csv.loc[label, "feature"] == 92
    whole = table(page(entries), "A real &lt;CLIP&gt;: further numbers")
    assert label not in whole


def test_a_section_of_single_rows_has_no_other_table(entries):
    found = page([e for e in entries if e.results.images == 1])
    assert "single rows</caption>" in found and "further numbers" not in found
