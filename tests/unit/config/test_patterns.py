"""What a text has to be is said in words: no complaint has a regular expression."""

from collections.abc import Iterator

import pytest
from msgspec import inspect
from msgspec.structs import fields

from interpreting_clip.config.params import complaint
from interpreting_clip.errors import IN_WORDS
from interpreting_clip.formats.activations_folder import Manifest
from interpreting_clip.quantities import Url
from interpreting_clip.study.sections import Sections
from runner.machine_settings import MachineSettings


def patterns(info: inspect.Type, seen: set[int], *, said: bool = False) -> Iterator[str]:
    """Yield the patterns below a type for which it does not say what is legal itself."""
    if isinstance(info, inspect.Metadata):
        yield from patterns(info.type, seen, said=said or "legal" in (info.extra or {}))
    elif isinstance(info, inspect.StrType):
        if info.pattern and not said:
            yield info.pattern
    elif isinstance(info, inspect.StructType) and id(info.cls) not in seen:
        seen.add(id(info.cls))
        for field in info.fields:
            yield from patterns(field.type, seen)
    elif isinstance(info, inspect.UnionType):
        for member in info.types:
            yield from patterns(member, seen, said=said)
    else:
        parts = [getattr(info, name, None) for name in ("key_type", "value_type", "item_type")]
        for part in [*parts, *getattr(info, "item_types", ())]:
            if isinstance(part, inspect.Type):
                yield from patterns(part, seen)


def test_every_pattern_has_words():
    kinds = [*Sections.__annotations__.values(), MachineSettings, Manifest]
    seen: set[int] = set()
    found = {pattern for kind in kinds for pattern in patterns(inspect.type_info(kind), seen)}
    assert found == set(IN_WORDS)


@pytest.mark.parametrize("value", ["a-bare-word", "ftp://me:word@host/a", "https://me:a word@host"])
def test_what_stands_in_the_place_of_a_url_is_not_shown(value):
    [mirror] = [field.type for field in fields(MachineSettings) if field.name == "mirror"]
    for kind in (Url, mirror):
        said = complaint(value, kind)
        assert "word" not in said and "…" in said and "begins with http:// or https://" in said


def test_a_number_in_the_place_of_a_url_is_not_shown():
    assert "12345" not in complaint(12345, Url) and "an address" in complaint(12345, Url)
