"""Parses our YAML files as DVC parses them, with errors of one line each."""

import re
from pathlib import Path
from typing import Any

from yaml import CSafeLoader, MarkedYAMLError, Node
from yaml.constructor import ConstructorError
from yaml.reader import ReaderError

from interpreting_clip.errors import InputError, one_line, public_url

LONGEST_VALUE, LONGEST_TEXT = 80, 300
"""How many characters of a value, or of other text from outside, a complaint shows."""

BOOL, INT, FLOAT, OMAP, MERGE = (
    f"tag:yaml.org,2002:{name}" for name in ("bool", "int", "float", "omap", "merge")
)


class Loader(CSafeLoader):
    """PyYAML's loader with the booleans and numbers of YAML 1.2, as DVC's parser reads them.

    PyYAML's own resolvers follow YAML 1.1: `yes` is true, `010` is eight, and `3e-05`, which
    `dvc exp run -S` writes, is a text.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [known for known in resolvers if known[0] not in (BOOL, INT, FLOAT)]
        for first, resolvers in CSafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_object(self, node: Node, deep: bool = False) -> Any:
        """Name the line of a value that looks like a date or number but is not."""
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise ConstructorError(None, None, str(error), node.start_mark) from None

    def flatten_mapping(self, node: Any) -> None:
        """Refuse merge keys: of `<<: [*a, *b]`, PyYAML prefers b where DVC prefers a."""
        for key, _ in node.value:
            if key.tag == MERGE:
                why = "the key '<<' merges mappings; write their keys out"
                raise ConstructorError(None, None, why, key.start_mark)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Refuse a key that is given twice."""
        mapping, seen = super().construct_mapping(node, deep), set()
        for key, _ in node.value if len(mapping) < len(node.value) else ():
            if (name := self.construct_object(key)) in seen:
                why = f"the key {short(name)} is given twice"
                raise ConstructorError(None, None, why, key.start_mark)
            seen.add(name)
        return mapping

    def construct_int(self, node: Any) -> int:
        """Read `010` as ten, and `0o10` as eight."""
        digits = self.construct_scalar(node).replace("_", "")
        return int(digits, {"0b": 2, "0o": 8, "0x": 16}.get(digits.lstrip("+-")[:2], 10))


for tag, pattern, starts in (
    (BOOL, "true|True|TRUE|false|False|FALSE", "tTfF"),
    (FLOAT, r"[-+]?\d[\d_]*(\.[\d_]*([eE][-+]?\d+)?|[eE][-+]?\d+)", "-+0123456789"),
    (FLOAT, r"[-+]?\.([\d_]+([eE][-+]\d+)?|inf|Inf|INF)|\.(nan|NaN|NAN)", "-+."),
    (INT, r"[-+]?(0b[01_]+|0o[0-7_]+|0x[\da-fA-F_]+|[\d_]+)", "-+0123456789"),
):
    Loader.add_implicit_resolver(tag, re.compile(f"^({pattern})$", re.ASCII), list(starts))
Loader.add_constructor(INT, Loader.construct_int)
Loader.add_constructor(OMAP, Loader.construct_undefined)  # to DVC a mapping, to PyYAML a list


def load_tree(file: Path) -> dict[Any, Any]:
    """Parse a YAML file as DVC does: YAML 1.2, in which `010` is ten and `1e-4` a number.

    A stage that read a value differently could compute something else without DVC seeing a change.
    An empty file is an empty mapping.

    Raises
    ------
    InputError
        The file is missing, is not YAML in UTF-8, has a key twice or does not hold a mapping.
    """
    try:
        tree = Loader(file.read_text("utf-8")).get_single_data()
    except FileNotFoundError:
        raise InputError(f"{file}: no such file; run from the root of the repository") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise InputError(f"{file}: line {line}: not in UTF-8; save the file as UTF-8") from None
    except ReaderError as error:
        line = file.read_bytes().count(b"\n", 0, error.position) + 1
        why = f"not legal YAML: the character U+{error.character:04X}; take it out"
        raise InputError(f"{file}: line {line}: {why}") from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{file}: line {mark.line + 1}" if mark else file
        why = " ".join(filter(None, (error.context, error.problem)))
        raise InputError(f"{where}: not legal YAML: {escaped(why)}") from None
    if not isinstance(tree, dict | None):
        raise InputError(f"{file}: expected a mapping, got {type(tree).__name__}")
    return tree or {}


def quoted(path: str) -> str:
    """Return the path of a key as complaints write it."""
    return f"'{escaped(path.lstrip('.'))}'" if path else "the top level"


def short(value: object) -> str:
    """Return a value from outside in one line of at most 80 characters, without logins."""
    if isinstance(value, str) and re.search(r":/|:.*@", value, re.DOTALL):
        value = public_url(value)
    try:
        text = repr(value)
    except ValueError:  # Python refuses to print more digits
        return "a number of more than 4,300 digits"
    except RecursionError:
        return "a value that is nested too deeply"
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


def escaped(text: str) -> str:
    """Return a text in one line of at most 300 characters."""
    line = one_line(text[:LONGEST_TEXT])
    return line if len(text) <= LONGEST_TEXT else f"{line}…"
