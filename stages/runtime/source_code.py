"""The source code of our modules: what they import, and a digest of what they compute."""

import ast
import hashlib
import sys
from collections.abc import Container, Iterable
from functools import cache
from pathlib import Path
from typing import Any


def import_closure(stage: str, root: Path, without: Container[str] = ()) -> set[str]:
    """Return every file of ours that `python -m stages.<stage>` can load, relative to `root`.

    Imports are followed at any depth of the code, inside functions too, but for those of the files
    `without`, which a branch that is not taken imports.

    Raises
    ------
    ValueError
        A file imports relatively: leaf modules are imported by absolute path.
    """
    todo, seen = [root / "stages" / f"{stage}.py"], set()
    while todo:
        file = todo.pop()
        if file not in seen and file.relative_to(root).as_posix() not in without:
            seen.add(file)
            todo.extend(imported_files(file, root))
    return {file.relative_to(root).as_posix() for file in seen}


def imported_files(file: Path, root: Path) -> set[Path]:
    """Return the files of ours that `file` imports itself, and what their packages run first."""
    ours = [name for name in imported_names(file) if name.startswith("stages.")]
    files = {root / f"{name.replace('.', '/')}.py" for name in ours}
    files = {file for file in files if file.is_file()}  # of `stages.a.b`, b may be no module
    folders = {folder for one in files for folder in one.relative_to(root).parents}
    packages = {root / folder / "__init__.py" for folder in folders - {Path()}}
    # An empty __init__.py, as all of ours are, runs nothing.
    return files | {file for file in packages if file.is_file() and file.stat().st_size}


def imported_packages(files: Iterable[Path]) -> set[str]:
    """Return the packages that `files` import themselves and that are neither ours nor Python's."""
    names = {name.partition(".")[0] for file in files for name in imported_names(file)}
    return names - {"stages"} - sys.stdlib_module_names


def imported_names(file: Path) -> frozenset[str]:
    """Return all that `file` imports: modules, and with a dot what it takes from them.

    `importlib.import_module` counts where the name stands there, as it does everywhere here.

    Raises
    ------
    ValueError
        An import is relative, or its name is computed.
    """
    return names_in(file, file.read_bytes())


@cache
def names_in(file: Path, source: bytes) -> frozenset[str]:
    """Return all that a file with this content imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"{file}:{node.lineno}: relative import; import by absolute path")
            names.add(node.module or "")
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "importlib.import_module":
            name = node.args[0]
            if not isinstance(name, ast.Constant) or not isinstance(name.value, str):
                raise ValueError(
                    f"{file}:{node.lineno}: import by computed name; write the name out"
                )
            names.add(name.value)
    return frozenset(names)


def code_digest(file: Path) -> str:
    """Return the SHA-256 of a file's code without comments, layout and docstrings.

    Docstrings are all strings that stand alone, those below a constant too. None of these changes
    what is computed, so rewording one makes no training stale. Every Python from 3.11 on gives the
    same digest.
    """
    return source_digest(file.read_bytes())


@cache
def source_digest(source: bytes) -> str:
    """Return the `code_digest` of a source."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(body := getattr(node, "body", None), list):
            node.body = [line for line in body if not is_docstring(line)]  # pyright: ignore
        elif isinstance(node, ast.JoinedStr):  # early 3.12 ends the format of a value with ""
            node.values = [v for v in node.values if getattr(v, "value", None) != ""]
    return hashlib.sha256(syntax(tree).encode()).hexdigest()


def syntax(node: Any) -> str:
    """Return a syntax tree as text.

    Empty fields are left out: later versions of Python give nodes more of them (3.12 the parameters
    of a function's type), and `ast.dump` writes them or does not (3.13).
    """
    if isinstance(node, list):
        return f"[{', '.join(map(syntax, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = [(name, value) for name, value in ast.iter_fields(node) if value not in (None, [])]
    return f"{type(node).__name__}({', '.join(f'{n}={syntax(v)}' for n, v in fields)})"


def is_docstring(line: ast.AST) -> bool:
    """Say whether a statement is a string and nothing else."""
    return (
        isinstance(line, ast.Expr)
        and isinstance(line.value, ast.Constant)
        and isinstance(line.value.value, str)
    )
