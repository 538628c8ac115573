"""The source code of our modules: what they import, and a digest of what they compute."""

import ast
import hashlib
import sys
from collections.abc import Container, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from interpreting_clip.errors import InputError

FINGERPRINTED = frozenset({"interpreting_clip", "page", "stages"})
"""The packages whose code changes results. The runner's does not, and is not followed."""


def import_closure(stage: str, root: Path, without: Container[str] = ()) -> set[str]:
    """Return every file of ours that the module `stages.<stage>` can load, relative to `root`.

    Imports are followed wherever they stand, inside functions too, except into the files `without`,
    which only another branch imports.
    """
    todo, seen = files_of({f"stages.{stage}"}, root), set()
    while todo:
        file = todo.pop()
        if file not in seen and file.relative_to(root).as_posix() not in without:
            seen.add(file)
            todo |= imported_files(file, root)
    return {file.relative_to(root).as_posix() for file in seen}


def imported_files(file: Path, root: Path) -> set[Path]:
    """Return the files of ours that `file` itself imports, and their packages' `__init__.py`."""
    return files_of(imported_names(file), root)


def files_of(names: Iterable[str], root: Path) -> set[Path]:
    """Return the files of these modules and of the packages that they are in.

    The `b` in `stages.a.b` may be a name and not a module. An empty `__init__.py` runs nothing; all
    of ours are empty but the library's own.
    """
    paths = [Path(*n.split(".")) for n in names if n.partition(".")[0] in FINGERPRINTED]
    modules = {root / path.with_suffix(".py") for path in paths}
    packages = {root / one / "__init__.py" for path in paths for one in [path, *path.parents[:-1]]}
    return {file for file in modules if file.is_file()} | {
        file for file in packages if file.is_file() and file.stat().st_size
    }


def imported_packages(files: Iterable[Path]) -> set[str]:
    """Return the packages that `files` themselves import and that are neither ours nor Python's."""
    names = {name.partition(".")[0] for file in files for name in imported_names(file)}
    return names - FINGERPRINTED - {"runner"} - sys.stdlib_module_names


def imported_names(file: Path) -> frozenset[str]:
    """Return everything that `file` imports: modules, and after a dot the names from them.

    `importlib.import_module` counts if its argument is a literal name, as it always is here.
    """
    try:
        return names_in(file.read_bytes(), file.name == "__init__.py")
    except SyntaxError as error:
        raise InputError(f"{file}: line {error.lineno}: not legal Python: {error.msg}") from None
    except ValueError as error:
        raise InputError(f"{file}: {error}") from None


@cache
def names_in(source: bytes, package: bool) -> frozenset[str]:
    """Return everything that a module, or the `__init__.py` of a package, imports."""
    names: set[str] = set()
    tree = ast.parse(source)
    tree.body = [node for node in tree.body if not imports_lazily(node, package)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"line {node.lineno}: relative import; import by absolute path")
            names.add(node.module or "")
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and called(node) == "import_module":
            name = getattr(node.args[0], "value", None)
            if not isinstance(name, str):
                raise ValueError(f"line {node.lineno}: import by computed name; write the name out")
            names.add(name)
    return frozenset(names)


def imports_lazily(node: ast.stmt, package: bool) -> bool:
    """Say whether a statement is a package's `__getattr__`, or runs in a type checker alone.

    The library imports all its measures in `__getattr__` when a person asks for one. A stage
    imports the module of its measure, and asks for none (`tests/unit/test_dependencies.py`).
    """
    if isinstance(node, ast.If):
        return ast.unparse(node.test) == "TYPE_CHECKING" and not node.orelse
    return package and isinstance(node, ast.FunctionDef) and node.name == "__getattr__"


@cache
def code_digest(source: str | bytes) -> str:
    """Return the SHA-256 of a module's code without comments, layout, docstrings and messages.

    A docstring is any string that is a statement of its own, also below a constant. A message is
    the text of an exception; the wording of a `Label` and the `CAPTION` of a result are left out,
    too. None of this changes what
    is computed, so rewording it makes no training stale. Every Python from 3.11 on gives the same
    digest.
    """
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(body := getattr(node, "body", None), list):
            node.body = [line for line in body if not is_docstring(line)]  # pyright: ignore
        for text in message_texts(node):
            text.value = ""
        if isinstance(node, ast.AnnAssign):
            strip_labels(node.annotation)
            if ast.unparse(node.target) == "CAPTION":
                node.value = None
        # of a message, or of a value's format, which early versions of 3.12 end with ""
        if isinstance(node, ast.JoinedStr):
            node.values = [v for v in node.values if getattr(v, "value", None) != ""]
    return hashlib.sha256(syntax(tree).encode()).hexdigest()


def message_texts(node: ast.AST) -> Iterator[ast.Constant]:
    """Yield the literal texts in a message: a call in a `raise`, or of a name that ends in Error.

    Only positional arguments are messages.
    """
    call = node.exc if isinstance(node, ast.Raise) else node
    if isinstance(call, ast.Call) and (call is not node or called(call).endswith("Error")):
        for argument in call.args:
            yield from literal_texts(argument)


def called(call: ast.Call) -> str:
    """Return the name of what is called, without the module that it is in."""
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def strip_labels(annotation: ast.expr) -> None:
    """Take the wording out of the labels in `x: Annotated[float, Label("width", 1, chance="y")]`.

    That a field has a label stays, and so do the names of other fields and of columns. A `Part` is
    the label of a nested result.
    """
    for call in ast.walk(annotation):
        if isinstance(call, ast.Call) and called(call) in {"Label", "Part"}:
            wording = ("label", "digits", "unit")  # its first arguments: how a number is shown
            call.args = call.args[len(wording) :]
            call.keywords = [one for one in call.keywords if one.arg not in wording]


def literal_texts(node: ast.AST) -> Iterator[ast.Constant]:
    """Yield the literal texts in an expression, other than the keys of subscripts."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node
    inner = [node.value] if isinstance(node, ast.Subscript) else ast.iter_child_nodes(node)
    for child in inner:
        yield from literal_texts(child)


def syntax(node: Any) -> str:
    """Return a syntax tree as text.

    Empty fields are left out: later versions of Python add fields to nodes (3.12 the type
    parameters of a function), and `ast.dump` omits empty ones from 3.13 on.
    """
    if isinstance(node, list):
        return f"[{', '.join(map(syntax, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = [(name, value) for name, value in ast.iter_fields(node) if value not in (None, [])]
    return f"{type(node).__name__}({', '.join(f'{n}={syntax(v)}' for n, v in fields)})"


def is_docstring(line: ast.AST) -> bool:
    """Say whether a statement is only a string."""
    return isinstance(line, ast.Expr) and isinstance(getattr(line.value, "value", None), str)
