"""Write what docs/params.md and docs/measures.md say of measures, from the measures themselves.

    python -m tools.manual [--check]

A table stands between `<!-- make docs: name -->` and `<!-- end -->`; all else is written by hand.
`make docs` writes the tables, and `make check` fails if one is not what it would write.
"""

import inspect
import pkgutil
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, get_type_hints

import msgspec

from interpreting_clip import measures
from interpreting_clip.errors import InputError
from interpreting_clip.formats.json import write_whole
from interpreting_clip.measures.result import labels
from interpreting_clip.quantities import Described
from interpreting_clip.study.sections import Sections, further_measures
from runner.process import launch

PARAMS, MEASURES = Path("docs/params.md"), Path("docs/measures.md")

HEADER = ("key", "meaning", "unit", "legal values", "paper")

PART = re.compile(r"(<!-- make docs: (.+?) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def main(option: str = "") -> None:
    """Write the tables, or with `--check` refuse those that are not up to date.

    Raises
    ------
    InputError
        Another option was given, or a table is not up to date; names the file.
    """
    if option not in ("", "--check"):
        raise InputError(f"expected --check or nothing, got {option!r}")
    for file in (PARAMS, MEASURES):
        text = file.read_text("utf-8")
        present = PART.sub(lambda part: part[1] + written(part[2]) + part[4], text)
        if option and present != text:
            raise InputError(f"{file}: not what the code says; run `make docs` and commit")
        if present != text:
            write_whole(file, present.encode())


def written(name: str) -> str:
    """Return what stands in a document under a name.

    Raises
    ------
    InputError
        There is nothing of this name.
    """
    sections = {field.name: field.type for field in msgspec.structs.fields(Sections)}
    parts: dict[str, Callable[[], str]] = {
        "settings of further measures": further_settings,
        "further measures": further_definitions,
        "numbers": numbers_table,
        **{key: lambda key=key: settings_table(sections[key]) for key in sections},
    }
    if name not in parts:
        raise InputError(f"<!-- make docs: {name} -->: expected one of {', '.join(parts)}")
    return parts[name]()


def further_settings() -> str:
    """Return a section of docs/params.md for each measure that has none written by hand."""
    return "\n".join(
        f"## `{name}`\n\n{summary(name)} ([definition](measures.md#{anchor(name)})).\n\n"
        f"{settings_table(settings)}"
        for name, settings in further_measures().items()
    )


def further_definitions() -> str:
    """Return a section of docs/measures.md for each of these measures."""
    return "\n".join(
        f"## {title(name)}\n\n{summary(name)}. Settings: [`{name}`](params.md#{name}).\n\n"
        f"{definition(name)}\n"
        for name in further_measures()
    )


def summary(name: str) -> str:
    """Return the first sentence of a measure's module, without its full stop."""
    return str(module(name).__doc__).partition("\n")[0].rstrip(".")


def definition(name: str) -> str:
    """Return what the docstring of a measure's function says before its parameters."""
    text = inspect.cleandoc(getattr(module(name), name).__doc__)
    return text.partition("\nParameters\n")[0].strip()


def title(name: str) -> str:
    """Return a measure's name as a heading."""
    return name.replace("_", " ").capitalize()


def anchor(name: str) -> str:
    """Return the address of a measure's heading in docs/measures.md."""
    return title(name).lower().replace(" ", "-")


def module(name: str) -> Any:
    """Return a measure's module."""
    return pkgutil.resolve_name(f"{measures.__name__}.{name}")


def numbers_table() -> str:
    """Return the numbers of every measure that has a `Result`."""
    rows = []
    for one in pkgutil.iter_modules(measures.__path__):
        kind = getattr(module(one.name), "Result", None)
        for name, label in (labels(kind) if kind else {}).items():
            column = f"`{label.headline}`" if label.headline else "–"
            chance = f"`{label.chance}`" if label.chance else "none"
            interval = "yes" if label.ends or "Estimate" in str(get_type_hints(kind)[name]) else "–"
            cells = (f"`{one.name}.{name}`", label.label, label.unit or "–", interval)
            rows.append((*cells, chance, column))
    return table(("number", "what it is", "unit", "interval", "chance level", "column"), rows)


def settings_table(settings: Any) -> str:
    """Return the keys of a section with all that is said of them."""
    rows = []
    for field in msgspec.structs.fields(settings):
        (said,) = (one for one in field.type.__metadata__ if isinstance(one, Described))
        legal = said.legal or ", ".join(words(msgspec.inspect.type_info(field.type)))
        rows.append((f"`{field.name}`", said.meaning, said.unit, legal, said.paper))
    return table(HEADER, rows)


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table in Markdown."""
    header = list(header)
    lines = [header, ["---"] * len(header), *map(list, rows)]
    return "".join(
        f"| {' | '.join(line)} |\n".replace("| --- ", "|---").replace("--- |", "---|")
        for line in lines
    )


def words(info: Any) -> list[str]:
    """Return what the manual has to say of a type: ranges of numbers, and words."""
    match info:
        case msgspec.inspect.IntType() | msgspec.inspect.FloatType():
            return [span(info)]
        case msgspec.inspect.LiteralType(values=values):
            return [f"`{value}`" for value in values]
        case msgspec.inspect.BoolType():
            return ["`true`", "`false`"]
        case msgspec.inspect.ListType(item_type=item):
            return ["a list of numbers", *words(item)]
    raise TypeError(f"{info}: expected a number, a word or a list of them; add its words here")


def span(info: Any) -> str:
    """Return a range as the manual writes it."""
    whole = isinstance(info, msgspec.inspect.IntType)
    low, high = info.ge if info.gt is None else info.gt, info.le if info.lt is None else info.lt
    if whole and info.lt is not None:
        return f"{low:,} to {high - 1:,}"
    if info.gt is not None:
        return f"above {in_full(low)}, {'below' if info.le is None else 'at most'} {in_full(high)}"
    return f"{in_full(low)} to {'' if info.lt is None else 'below '}{in_full(high)}"


def in_full(value: float) -> str:
    """Return a number with commas and without a power of ten."""
    return re.sub(r"\.?0*$", "", f"{value:,.9f}")


if __name__ == "__main__":
    launch(main)
