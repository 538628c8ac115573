import pytest

from interpreting_clip.errors import InputError, error_context


def test_names_what_an_explanation_is_about():
    with pytest.raises(InputError, match=r"^data/a: is no CLIP$"), error_context("data/a"):
        raise InputError("is no CLIP")
    with pytest.raises(ValueError, match=r"^a bug$"), error_context("data/a"):
        raise ValueError("a bug")


def test_what_a_terminal_would_act_on_is_escaped_and_complaints_are_lines():
    name = "a\x1b[31m\r\n\u2028\udcff\u200bé"
    said = str(InputError(f"{name}: broken", "another"))
    assert said == r"a\x1b[31m\r\n\u2028\udcff\u200bé: broken" + "\n       another"
