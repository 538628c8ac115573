"""Bad input, explained."""

import pytest

from stages.runtime.errors import InputError, about, found_in


def test_names_where_a_measure_found_what_it_refuses():
    with pytest.raises(InputError, match=r"^data/a: row 3 is constant$"), found_in("data/a"):
        raise ValueError("row 3 is constant")


@pytest.mark.parametrize("kind", [TypeError, KeyError, OSError])
def test_lets_any_other_error_through(kind):
    with pytest.raises(kind), found_in("data/a"):
        raise kind("a bug")


def test_names_what_an_explanation_is_about():
    with pytest.raises(InputError, match=r"^data/a: is no CLIP$"), about("data/a"):
        raise InputError("is no CLIP")
    with pytest.raises(ValueError, match=r"^a bug$"), about("data/a"):
        raise ValueError("a bug")
