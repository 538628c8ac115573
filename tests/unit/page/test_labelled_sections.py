"""Heads with labelled classes on published activations: on the page, and in the CSVs."""

from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

import interpreting_clip as ic
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.formats.result_files import read_result
from interpreting_clip.formats.result_tables import format_number
from interpreting_clip.measures.concepts import Concepts
from interpreting_clip.study.array_results import ArrayResults
from interpreting_clip.study.labelled_arrays import LabelledArrays, LabelledResults
from interpreting_clip.study.measured_arrays import MeasuredArrays
from page.array_sections import ArrayEntry, array_tables, object_rows
from page.labelled_sections import LabelledEntry, largest_p_error
from page.names import format_estimate
from tests.reads import ROOT
from tests.unit.page.conftest import PLOTS, Tags, cells, load_study, study_page, table, undrawn

STUDY = load_tree(ROOT / "params.yaml")
KEY = "clip_vit_b16_objects"


@pytest.fixture(scope="module")
def labelled() -> LabelledEntry:
    """Return the results of the repository's study, with concepts that are counted here."""
    rng = np.random.default_rng(0)
    shown = rng.random((90, 4)) < 0.4
    scores = rng.standard_normal((90, 6)) + 3 * shown @ np.eye(6)[:4]
    names = ["a <b>", "c", "d", "e"]
    given: Any = {"rotations": 3, "draws": 3, "minimum_images": 5}
    return LabelledEntry(
        key=KEY,
        entry=msgspec.convert(STUDY["labelled_arrays"][KEY], LabelledArrays),
        results=read_result(PLOTS / f"labelled_arrays/{KEY}.json", LabelledResults),
        concepts=ic.concepts(
            scores, labels=shown, names=names, directions=np.eye(6)[:3], rows=np.eye(6)[:4], **given
        ),
    )


@pytest.fixture(scope="module")
def array() -> ArrayEntry:
    return ArrayEntry(
        key="clip_vit_b16",
        entry=msgspec.convert(STUDY["arrays"]["clip_vit_b16"], MeasuredArrays),
        results=read_result(PLOTS / "arrays/clip_vit_b16.json", ArrayResults),
    )


def page(array: ArrayEntry, *labelled: LabelledEntry) -> str:
    with undrawn():
        study = {"entries": {}, "comparisons": [], "arrays": [array], "labelled": [*labelled]}
        return study_page(load_study() | study)


def test_the_section_has_what_is_encoded_with_each_null(array, labelled):
    found = page(array, labelled)
    assert Tags(found).wrong == [] and "a &lt;b&gt;" in found
    numbers = table(found, "A real CLIP: objects")
    accuracy, counted = labelled.results.accuracy, labelled.concepts
    known = [format_estimate(accuracy.accuracy), format_number(accuracy.guessing, 1)]
    assert cells(numbers, "Accuracy: the predicted class is in the image (%)") == known
    assert counted.directions and counted.directions.random and counted.in_span and counted.rows
    unique = format_estimate(counted.directions.unique, 0)
    for row, null in (
        ("Concepts that directions encode", counted.directions.random),
        ("The same, against random directions in their span", counted.in_span.random),
    ):
        assert cells(numbers, row) == [unique, format_number(null.value, 1)]
    own = cells(numbers, "Concepts that their own row of the head encodes")
    assert own == [
        format_estimate(counted.rows.encoded, 0),
        format_number(counted.rows.by_others, 1),
    ]
    first = cells(found.partition("<details>")[0], "Objects that directions encode")
    random = [counted.directions.random.value, counted.in_span.random.value]
    assert first == [unique, "{} ({} in span)".format(*map(format_number, random))]
    assert "Objects" not in page(array)


def test_a_number_that_an_entry_lacks_is_a_gap_in_its_column(labelled):
    bare = msgspec.structs.replace(
        labelled, concepts=replace(labelled.concepts, rows=None, in_span=None)
    )
    rows = {number.name: both for number, both in object_rows([bare, labelled])}
    assert rows["concepts.rows.encoded"][0] is None and rows["concepts.in_span"][0] is None
    assert all(rows["concepts.features.unique"])
    assert isinstance(labelled.concepts, Concepts)
    errors = [one.random_p_error or 0 for one in labelled.concepts.bases.values()]
    assert largest_p_error([bare]) == max(errors)


def test_the_csv_has_these_numbers(array, labelled):
    numbers = array_tables([array], [labelled])["arrays"]
    assert set(numbers[numbers["key"] == KEY]["name"]) == {one.name for one in labelled.numbers}
