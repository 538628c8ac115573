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
from page.array_sections import ArrayEntry, array_tables, profile_table
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


def test_the_section_has_each_number_beside_chance(entries):
    found = page(entries)
    assert Tags(found).wrong == [] and "<h2>A real &lt;CLIP&gt;</h2>" in found
    numbers = table(found, "A real &lt;CLIP&gt;: each number and its chance level")
    own = entries[0].results
    assert own.accuracy
    accuracy = [format_estimate(own.accuracy.accuracy), f"{100 / own.accuracy.classes:.1f}"]
    assert cells(numbers, "Top-1 accuracy (%)")[:2] == accuracy
    compared = table(found, "A real &lt;CLIP&gt;: the same images in two representations")
    other, comparison = next(iter(own.comparisons.items()))
    cka = next(one for one in comparison if one.name == "cka.cka")
    known = [other, format_number(cka.value, 3)]
    assert cells(compared, entries[0].entry.label)[:2] == known
    sections = re.findall(r'<section id="([^"]+)"', found)
    bar = found.partition("<nav")[2].partition("</nav>")[0]
    assert re.findall('href="#([^"]+)"', bar) == sections and "shows" not in sections


def test_the_gap_has_a_table_of_what_is_left_without_its_parts(entries):
    images = np.random.default_rng(0).standard_normal((40, 6))
    gap = ic.modality_gap(images, captions=images + 9 * np.eye(6)[2], resamples=5)
    found = page(
        [msgspec.structs.replace(entries[0], results=replace(entries[0].results, modality_gap=gap))]
    )
    assert Tags(found).wrong == []
    label = entries[0].entry.label
    assert f"<p>{label}: Features that separate images from captions: 2 (" in found
    left = table(found, "A real &lt;CLIP&gt;: images and captions without parts of the gap")
    centred = gap.centred
    assert centred
    row = left.partition("the mean of each side")[2].partition("</tr>")[0]
    shown = [format_number(centred.length, 3), format_estimate(centred.accuracy), "2.5"]
    assert re.findall("<td>(.*?)</td>", row)[:3] == shown
    assert left.count("<tr><th") == 4
    numbers = table(found, "A real &lt;CLIP&gt;: each number and its chance level")
    assert "Length of the modality gap" in numbers and "own caption" not in numbers


def test_the_csvs_have_every_number_and_every_curve(entries):
    tables = array_tables(entries)
    for one in entries:
        rows = tables["arrays"][tables["arrays"]["key"] == one.key]
        assert list(rows["name"]) == [number.name for number in one.results.numbers]
        assert list(rows["value"].dropna()) == [
            number.value for number in one.results.numbers if number.value is not None
        ]
    curve = tables["arrays_pruning"].query("head == 'head'")
    pruning = entries[0].results.pruning
    own = curve[curve["key"] == entries[0].key]
    assert pruning is not None and np.array_equal(own["accuracy"], pruning.accuracy)


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
    assert cells(rows, label) == ["512", "302.1", "2.99", expected]
    csv = array_tables(entries)["mean_images"].set_index("label")
    assert csv.loc[label, "feature"] == 92
    whole = table(page(entries), "A real &lt;CLIP&gt;: each number and its chance level")
    assert label not in whole


def test_a_section_of_single_rows_has_no_other_table(entries):
    found = page([e for e in entries if e.results.images == 1])
    assert "single rows</caption>" in found and "each number and its chance" not in found
