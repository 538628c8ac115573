"""Published activations on the page and in the CSVs."""

import re
from dataclasses import replace

import msgspec
import numpy as np
import pytest

import interpreting_clip as ic
from interpreting_clip.measures.activations import Activations
from interpreting_clip.measures.head import Head
from interpreting_clip.measures.outlier_axes import outlier_axes
from interpreting_clip.study.array_results import ArrayResults
from interpreting_clip.study.measured_arrays import MeasuredArrays
from page.array_sections import ArrayEntry, array_sections, array_tables
from page.names import format_number
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
        for one in ic.mutual_neighbours(IMAGES, CAPTIONS, k=7, permutations=9).numbers
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


def page(arrays: list[ArrayEntry]) -> str:
    """Return the page of a study without encoders."""
    with undrawn():
        return study_page(load_study() | {"entries": {}, "comparisons": [], "arrays": arrays})


def test_the_section_has_each_number_beside_chance(entries):
    found = page(entries)
    assert Tags(found).wrong == []
    assert "<h2>A real &lt;CLIP&gt;</h2>" in found and "photographs &amp; drawings" in found
    numbers = table(found, "A real &lt;CLIP&gt;: each number and its chance level")
    own = entries[0].results
    assert cells(numbers, "Top-1 accuracy (%)")[1:] == [f"{100 / 30:.1f}", "–", "–"]
    assert cells(numbers, "Outlier features")[0] == str(own.kurtosis.outliers.outlier_features)
    compared = table(found, "A real &lt;CLIP&gt;: the same images in two representations")
    cka = next(one for one in own.comparisons["captions"] if one.name == "cka")
    assert cells(compared, "the first")[:3] == ["captions", format_number(cka.value, 3), "0.000"]
    sections = re.findall(r'<section id="([^"]+)"', found)
    bar = found.partition("<nav")[2].partition("</nav>")[0]
    assert re.findall('href="#([^"]+)"', bar) == sections and "shows" not in sections


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
    assert pruning is not None and np.array_equal(curve["accuracy"], pruning.accuracy)
