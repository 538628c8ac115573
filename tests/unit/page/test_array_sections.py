"""Published activations on the page and in the CSVs."""

import re
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

import interpreting_clip as ic
from interpreting_clip.measures.activations import Activations
from interpreting_clip.measures.head import Head
from interpreting_clip.measures.intervals import Estimate
from interpreting_clip.measures.outlier_axes import outlier_axes
from interpreting_clip.study.array_results import ArrayResults
from interpreting_clip.study.measured_arrays import MeasuredArrays
from page.array_sections import ArrayEntry, array_sections, array_tables, kurtosis_table
from page.names import format_estimate, format_number
from page.report_page import rotations_of_smallest_p
from tests.unit.page.conftest import Tags, cells, load_study, study_page, table, undrawn

RNG = np.random.default_rng(0)
IMAGES, CAPTIONS = RNG.standard_normal((2, 30, 8))
IMAGES[:, 3] += 40
OWN = np.arange(30)
ENTRY = {
    "section": "A real <CLIP>",
    "images": "photographs & drawings",
    "origin": "others",
    "file": "data/arrays/a.safetensors",
    "activations": "images",
    "compare": ["captions"],
    "normalize_features": True,
    "unit_length": True,
}


def entry(key: str, *, head: bool = True, **changed: object) -> ArrayEntry:
    """Measure the images, with the captions as a head or without."""
    own = (
        {"head": "captions", "classes": "own_row"} if head else {"head": "none", "classes": "none"}
    )
    classes = {"head": CAPTIONS, "classes": OWN, "normalize_features": True}
    kurtosis = ic.kurtosis(IMAGES, outlier_sigma=2.0, resamples=20)
    directions = ic.directions(IMAGES, head=CAPTIONS, random_heads=2)
    neighbours = [
        replace(one, name=f"mutual_neighbours.{one.name}")
        for one in ic.mutual_neighbours(IMAGES, CAPTIONS, k=7).numbers
    ]
    axes = outlier_axes(
        {"images": Activations(IMAGES, OWN, OWN)},
        head=Head(CAPTIONS, None, True),
        directions=directions,
        outliers=kurtosis.outliers,
    )
    results = ArrayResults(
        images=30,
        features=8,
        kurtosis=kurtosis,
        participation_ratio=ic.participation_ratio(IMAGES, blocks=5),
        privileged_basis=ic.privileged_basis(IMAGES, rotations=2),
        accuracy=ic.accuracy(IMAGES, **classes) if head else None,
        directions=directions if head else None,
        pruning=ic.pruning(IMAGES, **classes, random_heads=2) if head else None,
        outlier_axes=axes if head else None,
        comparisons={"captions": [*ic.cka(IMAGES, CAPTIONS).numbers, *neighbours]},
    )
    about = msgspec.convert(ENTRY | {"label": f"the {key}"} | own | changed, MeasuredArrays)
    return ArrayEntry(key=key, entry=about, results=results)


@pytest.fixture(scope="module")
def entries() -> list[ArrayEntry]:
    return [entry("first"), entry("second", head=False)]


def page(arrays: list[ArrayEntry], **changed: Any) -> str:
    """Return the page of a study, without encoders unless `changed` says so."""
    bare = {"entries": {}, "comparisons": [], "arrays": arrays}
    with undrawn():
        return study_page(load_study() | bare | changed)


def test_the_section_has_each_number_beside_chance(entries):
    found = page(entries)
    assert Tags(found).wrong == []
    assert "<h2>A real &lt;CLIP&gt;</h2>" in found and "photographs &amp; drawings" in found
    numbers = table(found, "A real &lt;CLIP&gt;: each number and its chance level")
    own = entries[0].results
    assert cells(numbers, "Top-1 accuracy (%)")[1:] == [f"{100 / 30:.1f}", "–", "–"]
    assert cells(numbers, "Outlier features")[0] == str(own.kurtosis.outliers.outlier_features)
    assert ">Features</th>" not in numbers
    assert cells(numbers, "Mean kurtosis per image, minus the mean image")[1] == format_number(
        own.kurtosis.isotropic, 2
    )
    assert own.outlier_axes is not None and own.outlier_axes.axes[0].feature == 3
    cost = format_estimate(own.outlier_axes.axes[0].costs["images"])
    assert "the first: feature 3 is an outlier feature" in found
    assert f"costs {cost} points of accuracy" in found
    compared = table(found, "A real &lt;CLIP&gt;: the same images in two representations")
    cka = next(one for one in own.comparisons["captions"] if one.name == "cka")
    assert cells(compared, "the first")[:3] == ["captions", format_number(cka.value, 3), "0.000"]
    assert "the 7 other images" in found and "Outlier features, rotated" not in numbers
    assert "data/arrays/README.md" in found and 'href="#arrays-1"' in found


def test_each_title_has_a_section_that_says_what_its_arrays_lack():
    arrays = [entry("one"), entry("other", head=False, section="Birds", unit_length=False)]
    found = page(arrays)
    first, second = (found[found.index(f'id="arrays-{n}"') :] for n in (1, 2))
    first, second = first.partition("</section>")[0], second.partition("</section>")[0]
    assert "unit length" in first and "caption" in first and "chart-arrays_pruning_1" in first
    assert "<h2>Birds</h2>" in second and "chart-arrays_kurtosis_2" in second
    assert "unit length" not in second and "chart-arrays_pruning_2" not in second


def test_without_encoders_there_are_no_verdicts_and_with_them_the_arrays_come_first(entries):
    own = {"entries": load_study()["entries"]}
    without, beside = (page(entries, **changed) for changed in ({}, own))
    sections = [re.findall(r'<section id="([^"]+)"', one) for one in (without, beside)]
    assert sections[0] == ["arrays-1", "validated", "provenance"]
    assert sections[1][:4] == ["arrays-1", "validated", "shows", "robustness"]
    for one, found in zip((without, beside), sections, strict=True):
        bar = one.partition("<nav")[2].partition("</nav>")[0]
        assert re.findall('href="#([^"]+)"', bar) == found
        assert ("claims" in one[one.index('id="arrays-1"') :].partition("<dl>")[0]) == (
            "shows" in found
        )


def test_the_smallest_p_is_called_so_only_outside_of_all_rotations(entries):
    inside, high = entries[0].results, 1e6
    known = replace(inside.kurtosis, kurtosis=Estimate(high))
    p = replace(inside.privileged_basis, kurtosis_p=2 / 41)
    outside = replace(inside, kurtosis=known, privileged_basis=p)
    low, top = inside.privileged_basis.rotated_kurtosis.ends
    within = replace(inside, kurtosis=replace(known, kurtosis=Estimate((low + top) / 2)))
    assert [rotations_of_smallest_p(one) for one in (outside, within)] == [40, None]


def test_the_chart_has_the_kurtosis_minus_the_mean_image_below_the_other(entries):
    shown = kurtosis_table(entries[:1])
    known = entries[0].results.kurtosis
    assert list(shown["kurtosis"]) == [known.kurtosis.value, known.centred.value]
    assert list(shown["outlier_features"]) == [1, known.centred_outliers]
    assert list(shown["label"]) == ["the first", "the first, minus the mean image"]
    single = replace(known, centred=None, centred_outliers=None)
    results = replace(entries[0].results, kurtosis=single)
    assert len(kurtosis_table([msgspec.structs.replace(entries[0], results=results)])) == 1


def test_without_arrays_there_is_no_section_and_no_row():
    found = page([])
    assert 'id="arrays' not in found and 'href="#arrays' not in found
    assert all(len(one) == 0 for one in array_tables([]).values()) and array_sections([]) == {}


def test_the_csvs_have_every_number_and_every_curve(entries):
    tables = array_tables(entries)
    for one in entries:
        rows = tables["arrays"][tables["arrays"]["key"] == one.key]
        assert list(rows["name"]) == [number.name for number in one.results.numbers]
        labels = [number.label for number in one.results.numbers]
        assert list(rows["number_of_measure"]) == labels and set(rows["label"]) == {one.entry.label}
        assert list(rows["value"]) == [number.value for number in one.results.numbers]
    curve = tables["arrays_pruning"].query("head == 'head'")
    pruning = entries[0].results.pruning
    assert pruning is not None and set(curve["key"]) == {"first"}
    assert np.array_equal(curve["accuracy"], pruning.accuracy)
    by_name = tables["arrays"].query("key == 'first'").set_index("name")
    rotated = entries[0].results.privileged_basis.rotated_outliers.value
    assert by_name.loc["kurtosis.outliers.outlier_features", "chance"] == rotated
