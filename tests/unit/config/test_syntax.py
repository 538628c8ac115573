"""YAML is read as DVC reads it; what no study holds, whatever the key."""

import math
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.serialize import YAMLError, parse_yaml
from hypothesis import given
from hypothesis import strategies as st

from interpreting_clip.config.syntax import Loader
from interpreting_clip.errors import InputError
from interpreting_clip.study.check import check
from tests.pipeline.workspace import NANO

TITLE, SEED = "The nano study", "seed: 171"
STUDY = NANO.read_text()
LINE = STUDY[: STUDY.index(SEED)].count("\n") + 1
KEY = "'datasets.imagenet_a.reference.train.seed'"


def read(text: str) -> Any:
    return Loader(text).get_single_data()


def refused(tmp_path: Path, text: str) -> str:
    """Return what is said of a study, of which every line names the file and fits a terminal."""
    file = tmp_path / "params.yaml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(InputError) as caught:
        check(file)
    said = str(caught.value).replace(f"{tmp_path}/", "")
    assert all(re.match(" *params.yaml: ", line) for line in said.split("\n"))
    assert all(line.isprintable() and len(line) < 400 for line in said.split("\n"))
    return said


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("-.inf", f"{KEY}: .*got -inf.*a whole number ≥ 0"),
        ("2026-02-30", f"line {LINE}: not legal YAML: day is out of range"),
        ("!!python/name:os.system ''", f"line {LINE}: not legal YAML: .* tag '.*os.system'"),
        ("1\n        seed: 2", f"line {LINE + 1}: .*the key 'seed' is given twice"),
    ],
)
def test_odd_values_are_refused_by_key_or_line(tmp_path, value, expected):
    assert re.match(f"params.yaml: {expected}", refused(tmp_path, STUDY.replace("171", value)))


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ('"\\e[31m"', "'study.title': .*x1b.*legal: one line"),
        ("2001-01-01", "'study.title': Expected `str`, got `date`.* in quotes"),
        ("\0", r"line \d: not legal YAML: the character U\+0000; take it out"),
    ],
)
def test_odd_texts_are_refused_and_escaped(tmp_path, title, expected):
    assert re.match(f"params.yaml: {expected}", refused(tmp_path, STUDY.replace(TITLE, title, 1)))


def test_a_description_has_lines(tmp_path):
    file = tmp_path / "params.yaml"
    file.write_text(re.sub("description: '.*'", r'description: "One.\\n\\nTwo."', STUDY))
    assert check(file).study.description == "One.\n\nTwo."


READ = {
    **{"010": 10, "0o17": 15, "0x1F": 31, "-0b11": -3, "1_000": 1000, "0o9": "0o9"},
    **{"1e-4": 1e-4, "3e-05": 3e-05, "1.": 1.0, "-.5": -0.5, ".5e3": ".5e3", "-.inf": -math.inf},
    **{"True": True, "yes": "yes", "off": "off", "n": "n", "~": None, "": None, "nUll": "nUll"},
    **{"12:30:00": "12:30:00", "1:30": "1:30", "2001-1-1": "2001-1-1", "'1'": "1", "! 12": 12},
    **{"2001-01-01": date(2001, 1, 1), "!!str 1": "1", "!!int 010": 10, "[&a 2, *a]": [2, 2]},
}


@pytest.mark.parametrize("text", READ)
def test_a_value_is_what_dvc_reads(text):
    assert repr(read(f"a: {text}")) == repr(parse_yaml(f"a: {text}", "")) == repr({"a": READ[text]})


@given(st.text("0123456789_+-.:eExXobafINFTtruenl~ys<=", max_size=8))
def test_any_plain_value_is_what_dvc_reads(text):
    try:
        expected = parse_yaml(f"a: {text}", "")
    except (YAMLError, ValueError):
        return  # DVC stops here
    assert repr(read(f"a: {text}")) == repr(expected)
