"""The code that a stage's fingerprint counts, and nothing else, as source files.

Every definition that is not counted is removed, and so are docstrings, annotations, the texts of
exceptions and, of a stage that shows none, the wording of labels. What the runner imports stays.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

from runner.fingerprint import SHOWING, reached_code
from runner.source_code import OURS, Definition, Names, Sources, imported


def write_reduced(stage: str, branch: str, root: Path, folder: Path) -> tuple[int, int]:
    """Write a stage's code below a folder; return how many definitions it has and how many went.

    `root` is that of the whole code. The latter number counts only the modules of which the stage
    keeps something.
    """
    sources = Sources(root, words=stage in SHOWING)
    kept = reached_code(stage, branch, sources)
    counted = len(kept)
    kept = kept | sources.reached(sorted(imported_by_runner(root)))
    for package in OURS:
        for file in (root / package).rglob("*.py"):
            name = file.relative_to(root).as_posix()
            (folder / name).write_text(
                reduced(name, kept, sources) if name != MAIN else file.read_text()
            )
    whole = {
        Definition(file, name)
        for file in {one.file for one in kept}
        for name in sources.module(file).statements
    }
    return counted, len(whole - kept.keys())


MAIN = "stages/__main__.py"


def imported_by_runner(root: Path) -> Iterator[str]:
    """Yield the names in our packages that the runner imports."""
    for file in [*(root / "runner").glob("*.py"), root / MAIN]:
        found = imported(ast.walk(ast.parse(file.read_text()))).values()
        yield from (name for name in found if name.partition(".")[0] in OURS)


def reduced(file: str, kept: dict[Definition, Names], sources: Sources) -> str:
    """Return the source of a module with no more than the definitions that are kept."""
    module = sources.module(file)
    own = [one for one in kept if one.file == file]
    used = {name.split(".")[0] for one in own for name in kept[one]}
    body: list[ast.stmt] = []
    for node in ast.parse("".join(module.lines)).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            node.names = [
                one
                for one in node.names
                if imported([node]).keys() and (one.asname or one.name.split(".")[0]) in used
            ]
            body += [node] * bool(node.names)
    nodes = {id(node): node for one in own for node in module.statements[one.name]}
    body += sorted(nodes.values(), key=lambda node: node.lineno)
    return ast.unparse(ast.Module(body, []))
