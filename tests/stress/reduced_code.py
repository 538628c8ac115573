"""Our code with nothing in it but what a stage's fingerprint counts.

Every definition that is not counted is removed, and so are unused imports, docstrings, the
annotations of functions, the texts of exceptions and, of a stage that shows none, the wording of
labels. What the runner imports stays.
"""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from runner.fingerprint import COMPUTE_NOTHING, SHOWING, reached_code
from runner.source_code import OURS, Definition, Names, Sources, imported

MAIN = "stages/__main__.py"


def write_reduced(stage: str, branch: str, root: Path, folder: Path) -> tuple[int, int]:
    """Write what a stage reaches of the code below `root` over that below `folder`.

    Returns
    -------
    how many definitions the fingerprint counts, and how many were removed from the modules that
    have some of these
    """
    sources = Sources(root, words=stage in SHOWING)
    counted = reached_code(stage, branch, sources)
    kept = counted | sources.reached([*imported_by_runner(root), *harmless(counted)])
    for package in OURS:
        for file in (root / package).rglob("*.py"):
            name = file.relative_to(root).as_posix()
            if name != MAIN:
                (folder / name).write_text(reduced(name, kept, sources))
    files = {one.file for one in counted}
    whole = {Definition(file, name) for file in files for name in sources.module(file).statements}
    return len(counted), len(whole - kept.keys())


def imported_by_runner(root: Path) -> Iterator[str]:
    """Yield the dotted names in our packages that the runner imports."""
    for file in [*(root / "runner").glob("*.py"), root / MAIN]:
        for name in imported(ast.walk(ast.parse(file.read_text()))).values():
            if name.partition(".")[0] in OURS:
                yield name


def harmless(counted: Mapping[Definition, Names]) -> Iterator[str]:
    """Yield the dotted names of what a stage names and a fingerprint leaves out."""
    for names in counted.values():
        for meanings in names.values():
            for one in meanings:
                if isinstance(one, Definition) and one.name in COMPUTE_NOTHING:
                    yield f"{one.file.removesuffix('.py').replace('/', '.')}.{one.name}"


def reduced(file: str, kept: Mapping[Definition, Names], sources: Sources) -> str:
    """Return the source of a module with those of its definitions that are kept."""
    module = sources.module(file)
    own = {one: names for one, names in kept.items() if one.file == file}
    used = {name.split(".")[0] for names in own.values() for name in names}
    body: list[ast.stmt] = []
    for node in ast.parse("\n".join(module.lines)).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            node.names = [n for n in node.names if (n.asname or n.name.split(".")[0]) in used]
            body += [node] if node.names else []
    statements = {id(node): node for one in own for node in module.statements[one.name]}
    body += sorted(statements.values(), key=lambda node: node.lineno)
    return ast.unparse(ast.Module(body, []))
