import msgspec
import pytest

from stages.config.synthetic import CLASSES, Captioned, Labelled, Population, Recipe


def entry(population: Population, **changes: object) -> dict:
    plain = msgspec.to_builtins(population)
    return plain | {"source": "world", "kind": "labelled"} | changes


def test_the_kind_decides_the_struct(population: Population):
    assert isinstance(msgspec.convert(entry(population), Recipe), Labelled)
    captioned = entry(population, kind="captioned", mention=0.35)
    assert isinstance(msgspec.convert(captioned, Recipe), Captioned)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "video"}, "kind"),
        ({"kind": "captioned"}, "mention"),
        ({"mention": 0.5}, "mention"),
        ({"source": "hub"}, "source"),
        ({"images": 0}, "images"),
        ({"classes": ["dog"]}, "classes"),
        ({"classes": []}, "classes"),
        ({"classes": ["fish", "fish"]}, "once"),
        ({"styles": {}}, "styles"),
        ({"styles": {"photo": 0}}, "styles"),
        ({"styles": {"fresco": 1}}, "fresco"),
        ({"scale": [0.9, 0.6]}, "scale"),
        ({"preference": {"colour": 1.2, "texture": 0, "scene": 0}}, "colour"),
    ],
)
def test_wrong_entries_are_refused(population: Population, changes: dict, message: str):
    with pytest.raises(msgspec.ValidationError, match=message):
        msgspec.convert(entry(population, **changes), Recipe)


def test_a_preference_contradicts_its_exclusion(population: Population):
    preference = {"colour": 0.2, "texture": 0.0, "scene": 0.0}
    changed = entry(population, preference=preference, exclude_preferred=True)
    with pytest.raises(msgspec.ValidationError, match="exclude_preferred"):
        msgspec.convert(changed, Recipe)


def test_class_indices_are_sorted(population: Population):
    assert population.class_indices == list(range(len(CLASSES)))
    chosen = msgspec.structs.replace(population, classes=("fish", "square"))
    assert chosen.class_indices == [1, 11]
