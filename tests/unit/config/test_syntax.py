"""What no study holds, whatever the key."""

import re
from pathlib import Path

import pytest

from interpreting_clip.errors import InputError
from interpreting_clip.study.check import check
from tests.pipeline.workspace import NANO

TITLE, SEED = "The nano study", "seed: 171"
STUDY = NANO.read_text()
LINE = STUDY[: STUDY.index(SEED)].count("\n") + 1
KEY = "'datasets.imagenet_a.reference.train.seed'"


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
        ("2001-01-01", f"{KEY}: Expected `int`, got `date`"),
        ("!!int 1", f"line {LINE}: the tag '.*:int': "),
        ("!!python/name:os.system ''", f"line {LINE}: the tag '.*os.system': "),
        ("&shared 1", f"line {LINE}: the anchor 'shared': .*dvc exp run -S"),
        ("&a [*a]", f"line {LINE}: the anchor 'a': .*\n.*line {LINE}: the alias 'a': "),
        ("{<<: {a: 1}}", f"line {LINE}: the merge key '<<': .*dvc exp run -S"),
        ("[" * 100_000, f"line {LINE}: nested more than 20 levels deep"),
        ("{[a]: 1}", f"{KEY}: the name .*: Expected `str`, got `array`"),
        ("1\n        seed: 2", f"line {LINE + 1}: the key 'seed' is given twice"),
    ],
)
def test_odd_values_are_refused_by_key_or_line(tmp_path, value, expected):
    assert re.match(f"params.yaml: {expected}", refused(tmp_path, STUDY.replace("171", value)))


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ('"\\e[31m"', "'study.title': .*x1b.*legal: one line"),
        ('"a\\nb"', "'study.title': .*legal: one line"),
        ('"${oc.env:HOME}"', r"'study.title': .* and `\$\{`"),
        ("2001-01-01", "'study.title': Expected `str`, got `date`.* in quotes"),
        ("x" * 5000, "'study.title': .*length <= 200.*x…"),
        ("\0", r"line \d: not legal YAML: the character U\+0000; take it out"),
        ("\ud800", r"line \d: not in UTF-8; save the file as UTF-8"),
    ],
)
def test_odd_texts_are_refused_and_escaped(tmp_path, title, expected):
    assert re.match(f"params.yaml: {expected}", refused(tmp_path, STUDY.replace(TITLE, title, 1)))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("k" * 200, "there is no section 'kkk.*…; legal"),
        ('"a\\u202eb"', r"there is no section 'a\\u202eb'"),
    ],
)
def test_odd_names_are_refused_and_escaped(tmp_path, name, expected):
    said = refused(tmp_path, f"{STUDY}{name}: 1\n")
    assert re.match(f"params.yaml: {expected}", said)


def test_a_description_has_lines(tmp_path):
    file = tmp_path / "params.yaml"
    file.write_text(re.sub("description: '.*'", r'description: "One.\\n\\nTwo."', STUDY))
    assert check(file).study.description == "One.\n\nTwo."
