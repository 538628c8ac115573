from pathlib import Path
from typing import Literal

import msgspec
import pytest
import yaml

from interpreting_clip.config.params import Params, convert
from interpreting_clip.errors import InputError
from interpreting_clip.quantities import Fraction, Key, Positive, Url


class Recipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    rate: Positive
    negatives: Literal["balanced", "all"]
    styles: dict[str, Fraction]
    scale: tuple[float, float]


GOOD = {"rate": 0.1, "negatives": "all", "styles": {"photo": 1}, "scale": [0.1, 0.2]}


def params(tmp_path: Path, text: str) -> Params:
    file = tmp_path / "params.yaml"
    file.write_text(text)
    return Params(file)


def test_reads_a_leaf_and_an_entry(tmp_path):
    study = params(
        tmp_path, yaml.safe_dump({"broden": {"threshold": 0.9}, "pretrain": {"rn": GOOD}})
    )
    assert study.read("broden.threshold", float) == 0.9
    assert study.read("pretrain.rn", Recipe).styles == {"photo": 1.0}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"rate": -1}, "'pretrain.rn.rate'.*> 0.0.*got -1"),
        ({"styles": {"photo": 3}}, "'pretrain.rn.styles.photo'.*got 3.*≤ 1.0"),
    ],
)
def test_names_the_key_and_what_is_legal(tmp_path, change, expected):
    study = params(tmp_path, yaml.safe_dump({"pretrain": {"rn": GOOD | change}}))
    with pytest.raises(InputError, match=f"(?s)params.yaml: {expected}"):
        study.read("pretrain.rn", Recipe)


class Red(msgspec.Struct, frozen=True, tag_field="kind", tag="red"):
    pass


class Blue(msgspec.Struct, frozen=True, tag_field="kind", tag="blue"):
    depth: Positive


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("[0.5, 2]", list[Fraction], r"'a\[1\]'.*got 2.*≤ 1.0"),
        ("no", bool, "'a': .*got 'no'.*legal: true, false$"),
        ("{A: 1}", dict[Key, int], "'a': the name 'A': .*legal: `.*a-z0-9_"),
        ("{kind: green}", Red | Blue, "'a.kind'.*got 'green'.*legal: (red, blue|blue, red)$"),
    ],
)
def test_finds_the_place_inside_of_collections(tmp_path, text, kind, expected):
    with pytest.raises(InputError, match=f"params.yaml: {expected}"):
        params(tmp_path, f"a: {text}").read("a", kind)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("encoder", "'encoder' is missing: the top level .*encoders, layers"),
        ("encoders.vitt", "'encoders.vitt' is missing: 'encoders' has .*rn, vit"),
    ],
)
def test_names_the_missing_key_and_those_beside_it(tmp_path, path, expected):
    study = params(tmp_path, "encoders: {rn: {}, vit: {}}\nlayers: {}")
    with pytest.raises(InputError, match=expected):
        study.read(path, dict)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [1, 2", "params.yaml: line .: not legal YAML"),
        ("a: !!python/object/apply:os.system [ls]", "line 1: not legal YAML"),
    ],
)
def test_refuses_what_is_no_params_file_in_one_line(tmp_path, text, expected):
    with pytest.raises(InputError, match=expected) as caught:
        params(tmp_path, text)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("value", ["a-bare-word", "ftp://me:word@host/a", 12345])
@pytest.mark.parametrize("kind", [Url, Url | None])
def test_what_stands_in_the_place_of_a_url_is_not_shown(value, kind):
    with pytest.raises(InputError, match=r"'a': .*got ….*http") as refused:
        convert(value, kind, "a")
    assert "word" not in str(refused.value) and "12345" not in str(refused.value)


def test_refuses_a_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"absent.yaml: no such file; run from the root"):
        Params(tmp_path / "absent.yaml")
