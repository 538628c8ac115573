"""Generate the tables of docs/reference, docs/arrays.md, README.md and docs/results.md.

`make docs` writes them, and `make check` fails if one is out of date. A table stands between
`<!-- make docs: name -->` and `<!-- end -->`; the rest of its file is written by hand. Ranges and
words come from the types in the code. The texts about a measure's keys come from its `Settings`;
those about all other keys from tools/manual.yaml. Results come from `tools.documents`.
"""

import argparse
import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_type_hints

import msgspec

from interpreting_clip.catalogue import MEASURES
from interpreting_clip.charts.chart import chart
from interpreting_clip.comparison import compare
from interpreting_clip.config.params import element_types
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.errors import InputError
from interpreting_clip.formats.json import write_whole
from interpreting_clip.formats.result import Result, labels
from interpreting_clip.quantities import Described
from interpreting_clip.study.encoder_results import EncoderResults
from interpreting_clip.study.sections import Sections
from interpreting_clip.study.shift_results import ShiftResults
from tools.documents import RESULT_TABLES, result_table, table

DOCUMENTS = (
    *("docs/reference/params.md", "docs/reference/measures.md", "docs/arrays.md"),
    *("README.md", "docs/results.md"),
)
"""The files with tables; those that need results come last."""

TEXTS = Path("tools/manual.yaml")
"""By table and key, the texts about the sections that belong to no measure."""

ALLOWED = "[type]"
"""Stands in these texts for the range or the words that a key's type allows."""

HEADER = ("key", "meaning", "unit", "legal values", "paper")

PART = re.compile(r"(<!-- make docs: (.+?) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this verb."""
    parser.add_argument("--check", action="store_true", help="write nothing; fail if out of date")


def main(*, check: bool = False) -> None:
    """Write the generated texts, or with `check` refuse those that are not up to date."""
    for file in map(Path, DOCUMENTS):
        text = file.read_text("utf-8")
        present = PART.sub(lambda part: part[1] + written(part[2]) + part[4], text)
        if present == text:
            continue
        if check:
            raise InputError(f"{file}: out of date; run `make docs` and commit")
        write_whole(file, present.encode())


def written(name: str) -> str:
    """Return what stands in a document under a name."""
    sections = {field.name: field.type for field in msgspec.structs.fields(Sections)}
    texts = load_tree(TEXTS)
    parts: dict[str, Callable[[], str]] = {
        "definitions": definitions,
        "numbers": numbers_table,
        "functions": functions_table,
        **{key: lambda key=key: settings_table(sections[key]) for key in sections},
        **{key: lambda key=key: texts_table(key, texts[key], sections) for key in texts},
        **{key: lambda key=key: result_table(key) for key in RESULT_TABLES},
    }
    if name not in parts:
        raise InputError(f"<!-- make docs: {name} -->: expected one of {', '.join(parts)}")
    return parts[name]()


def definitions() -> str:
    """Return a section of measures.md for each measure: its definition, and what that names."""
    sections = []
    for measure in MEASURES.values():
        name = measure.section or measure.name
        settings = [f"Settings: [`{name}`](params.md#{name})."] if measure.settings else []
        named = [f"**`{one.__name__}`**: {definition(one)}" for one in named_in(measure.function)]
        paragraphs = (f"## {measure.title}", definition(measure.function), *named, *settings)
        sections.append("\n\n".join(paragraphs) + "\n")
    return "\n".join(sections)


def named_in(function: Any) -> Iterator[Any]:
    """Yield the functions that a definition names, as its module knows them; measures are none."""
    known = vars(inspect.getmodule(function))
    for name in dict.fromkeys(re.findall(r"`(\w+)`", definition(function))):
        if inspect.isfunction(known.get(name)) and name not in MEASURES:
            yield known[name]


def definition(function: Any) -> str:
    """Return what the docstring of a function says before its parameters, results and errors."""
    said = inspect.cleandoc(function.__doc__ or "")
    return re.split(r"\n(?:Parameters|Returns|Raises)\n-", said)[0].strip()


def functions_table() -> str:
    """Return the library's functions: what each needs, and the first sentence about it.

    The definition is the section of docs/measures.md, or else of docs/reference/measures.md.
    """
    by_hand = Path("docs/measures.md").read_text("utf-8")
    functions = {name: measure.function for name, measure in MEASURES.items()}
    rows = []
    for name, function in {**functions, "compare": compare, "chart": chart}.items():
        parameters = inspect.signature(function).parameters.values()
        needs = ", ".join(one.name for one in parameters if one.default is one.empty)
        text = inspect.cleandoc(function.__doc__ or "").partition("\n")[0].rstrip(".")
        if name in MEASURES:
            title = MEASURES[name].title
            page = "measures.md" if f"\n## {title}\n" in by_hand else "reference/measures.md"
            text += f" ([definition]({page}#{title.lower().replace(' ', '-')}))"
        rows.append((f"`{name}`", needs, text))
    return table(("function", "needs", "what it does"), rows)


def numbers_table() -> str:
    """Return the numbers of every result that have a label."""
    roots = [inspect.signature(one.function).return_annotation for one in MEASURES.values()]
    roots += [EncoderResults, ShiftResults]
    rows = []
    for kind in dict.fromkeys(kind for root in roots for kind in results(root)):
        hints = get_type_hints(kind)
        for name, label in labels(kind).items():
            if name in kind.__annotations__:  # and not of the result that it extends
                number = (f"`{kind.__name__}.{name}`", label.label, label.unit or "–")
                interval = "yes" if "Estimate" in str(hints[name]) else "–"
                chance = f"`{label.chance}`" if label.chance else "none"
                column = f"`{label.headline}`" if label.headline else "–"
                rows.append((*number, interval, chance, column))
    return table(("number", "what it is", "unit", "interval", "chance level", "column"), rows)


def results(kind: Any) -> Iterator[type[Result]]:
    """Yield the types of results in a type: itself, and those of its fields or members."""
    if isinstance(kind, type) and issubclass(kind, Result):
        yield kind
        inside: Iterable[Any] = get_type_hints(kind).values()
    else:
        inside = get_args(kind)
    for one in inside:
        yield from results(one)


def settings_table(settings: Any) -> str:
    """Return the keys of a section with all that is said of them."""
    rows = []
    for field in msgspec.structs.fields(settings):
        (said,) = (one for one in field.type.__metadata__ if isinstance(one, Described))
        legal = said.legal or ", ".join(words(msgspec.inspect.type_info(field.type)))
        # Links in `Settings` start from docs/, those of the manual from docs/reference/.
        meaning = said.meaning.replace("](measures.md", "](../measures.md")
        rows.append((f"`{field.name}`", meaning, said.unit, legal, said.paper))
    return table(HEADER, rows)


def texts_table(name: str, texts: dict[str, dict[str, str]], sections: dict[str, Any]) -> str:
    """Return the keys of a section, or of a part of it (`datasets/drawn`), from their texts.

    A key is a path below the section, in brackets the tags of the types that have it. `[type]` in
    its legal values stands for what the type allows.
    """
    kind, rows = sections[name.partition("/")[0]], []
    for key, said in texts.items():
        path, _, tags = key.partition(" (")
        legal = said.get("legal", ALLOWED)
        if ALLOWED in legal:
            allowed = allowed_at(kind, path, {*tags.rstrip(")").split(", ")} - {""})
            legal = legal.replace(ALLOWED, ", ".join(dict.fromkeys(allowed)))
        label = f"`{path}` ({tags}" if tags else f"`{path}`"
        rows.append((label, said["meaning"], said.get("unit", "–"), legal, said.get("paper", "–")))
    return table(HEADER, rows)


def allowed_at(kind: Any, path: str, tags: set[str], tag: str = "") -> Iterator[str]:
    """Yield what is allowed at a path below a type, in the types with one of the tags, if any."""
    if not path or not any(structs(kind)):
        yield from () if any(structs(kind)) else words(msgspec.inspect.type_info(kind))
        return
    first, _, rest = path.partition(".")
    for struct in structs(kind):
        config = struct.__struct_config__
        inner = str(config.tag or tag)
        if config.tag_field == first and not rest:
            yield f"`{config.tag}`"
        for field in msgspec.structs.fields(struct):
            if field.encode_name == first and (rest or not tags or inner in tags):
                yield from allowed_at(field.type, rest, tags, inner)


def structs(kind: Any) -> Iterator[type[msgspec.Struct]]:
    """Yield the structs that a type, a union, or a collection holds."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield kind
    elif isinstance(kind, UnionType):
        for member in get_args(kind):
            yield from structs(member)
    elif inside := element_types(kind):
        yield from structs(inside[-1])


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
