"""Which parameters a stage's code reads, from params.yaml or from its method."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def read_paths(stage: str, root: Path = ROOT, where: str = "params") -> set[tuple[str, str]]:
    """Return path and type in each of a stage's calls of `params.read`; f-strings as templates.

    `where` is the variable: `params` for what an instance reads itself, `method` for what all
    instances share.

    Raises
    ------
    ValueError
        A path is computed, so that nobody can tell which parameter is read.
    """
    file = root / "stages" / f"{stage}.py"
    tree = ast.parse(file.read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and is_read(node, where)]
    return {(template(call.args[0], file), ast.unparse(call.args[1])) for call in calls}


def is_read(node: ast.Call, where: str) -> bool:
    """Say whether a call is one of `read` on the variable `where`."""
    return (
        isinstance(node.func, ast.Attribute)
        and node.func.attr == "read"
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == where
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
