"""The code of a stage: the files that it can import, and what they say to a computer."""

import ast
import hashlib
from functools import cache
from pathlib import Path


def import_closure(stage: str, root: Path) -> set[str]:
    """Return every file of ours that `python -m stages.<stage>` can load, relative to `root`.

    Imports are followed at any depth of the code, inside functions too.

    Raises
    ------
    ValueError
        A file imports relatively: leaf modules are imported by absolute path.
    """
    todo, seen = [root / "stages" / f"{stage}.py"], set()
    while todo:
        file = todo.pop()
        if file not in seen:
            seen.add(file)
            todo.extend(imported_files(file, root))
    return {file.relative_to(root).as_posix() for file in seen}


@cache
def imported_files(file: Path, root: Path) -> frozenset[Path]:
    """Return the files of ours that `file` imports itself."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"{file}: relative import; import leaf modules by absolute path")
            names.add(node.module or "")
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(f for name in names if (f := module_file(name, root)))


def module_file(name: str, root: Path) -> Path | None:
    """Return the file of one of our modules, or None for a package or somebody else's module."""
    file = root / Path(*name.split(".")).with_suffix(".py")
    return file if name.startswith("stages.") and file.is_file() else None


def code_digest(file: Path) -> str:
    """Return the SHA-256 of a file's code without comments, layout and docstrings.

    Docstrings are all strings that stand alone, those below a constant too. None of these changes
    what is computed, so rewording one makes no training stale. Another version of Python may parse
    code into another tree, and so give another digest.
    """
    tree = ast.parse(file.read_bytes())
    for node in ast.walk(tree):
        if isinstance(body := getattr(node, "body", None), list):
            node.body = [line for line in body if not is_docstring(line)]  # pyright: ignore
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def is_docstring(line: ast.AST) -> bool:
    """Say whether a statement is a string and nothing else."""
    return (
        isinstance(line, ast.Expr)
        and isinstance(line.value, ast.Constant)
        and isinstance(line.value.value, str)
    )
