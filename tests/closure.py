"""What a stage's code depends on: its import closure and the parameters that it reads."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def module_file(name: str, root: Path = ROOT) -> Path | None:
    """Return the file of one of our modules, or None for a package or somebody else's module."""
    file = root / Path(*name.split(".")).with_suffix(".py")
    return file if file.is_file() else None


@cache
def imports(file: Path, root: Path = ROOT) -> frozenset[Path]:
    """Return the files of ours that `file` imports, at any depth of its code."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"{file}: relative import; import leaf modules by absolute path")
            names.add(node.module or "")
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(f for name in names if (f := module_file(name, root)))


def import_closure(stage: str, root: Path = ROOT) -> set[str]:
    """Return every file of ours that `python -m stages.<stage>` can load, relative to the root."""
    todo, seen = [root / "stages" / f"{stage}.py"], set()
    while todo:
        file = todo.pop()
        if file not in seen:
            seen.add(file)
            todo.extend(imports(file, root))
    return {file.relative_to(root).as_posix() for file in seen}


WHOLE_FILE = ("params.yaml:", "")
"""What a stage reads that loads the whole file."""


def read_paths(stage: str, root: Path = ROOT) -> set[tuple[str, str]]:
    """Return path and type in each of a stage's calls of `Params.read`; f-strings as templates.

    Raises
    ------
    ValueError
        A path is computed, so that nobody can tell which parameter is read.
    """
    file = root / "stages" / f"{stage}.py"
    tree = ast.parse(file.read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and is_read(node)]
    paths = {(template(call.args[0], file), ast.unparse(call.args[1])) for call in calls}
    return paths | {WHOLE_FILE} if "load_tree(" in file.read_text() else paths


def is_read(node: ast.Call) -> bool:
    """Say whether a call is one of `params.read`."""
    return (
        isinstance(node.func, ast.Attribute)
        and node.func.attr == "read"
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "params"
    )


def template(node: ast.expr, file: Path) -> str:
    """Return the path in a node: a literal, or an f-string with its names in braces."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if not isinstance(node, ast.JoinedStr):
        raise ValueError(f"{file}:{node.lineno}: expected a literal path, got {ast.unparse(node)}")
    parts = [
        v.value if isinstance(v, ast.Constant) else f"{{{ast.unparse(v.value)}}}"  # pyright: ignore
        for v in node.values
    ]
    return "".join(map(str, parts))
