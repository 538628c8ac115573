"""DVC without three costs that grow with a study; `make repro` uses it.

* DVC 3.67 parses params.yaml again for each stage that names a parameter. Here, a file is parsed
  once, and again when its text has changed.
* It visits all parameters to find one, since dpath looks for patterns. Here, one is looked up by
  its keys. With both, reading three parameters takes 2 ms of processor time instead of 22.
* After each stage that ran, it reads and writes all of dvc.lock through ruamel.yaml's round-trip
  classes, in pure Python. Here, the parser in C reads dvc.lock, as DVC does elsewhere; DVC's own
  writer writes the entry of that stage; the text of all others is kept. For 4,400 lines this takes
  7 ms instead of 1.1 s of processor time, on a busy machine: over two minutes in a cold study of
  125 stages.

`docs/upstream` has the same as patches for DVC.

The file has the bytes that `dvc repro` writes, so the two can take turns. What is stale, locks, and
the runs of stages remain DVC's. If dvc.lock is not laid out as DVC writes it, DVC's own function
writes it.
"""

import argparse
import pickle
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from interpreting_clip.formats.json import write_whole

HEAD, ENTRY = "schema: '2.0'\nstages:\n", re.compile(r"^  (\S+):\n", re.MULTILINE)
"""How dvc.lock begins, and the first line of a stage's entry."""

PARSED: dict[str, tuple[str, bytes]] = {}
"""By path, the text that was last parsed, and its content, pickled."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this verb."""
    parser.add_argument("--lines", action="store_true", help="print one line for each stage")
    parser.add_argument("--wait-for-lock", action="store_true", help="wait for another DVC")
    parser.add_argument("words", nargs=argparse.REMAINDER, help="DVC's own, such as: repro")


def main(words: Sequence[str], *, lines: bool = False, wait_for_lock: bool = False) -> None:
    """Run DVC's command line, and end as it ends."""
    from tools.stage_lines import run_with_lines

    words = [*["--wait-for-lock"] * wait_for_lock, *words]
    sys.exit(run_with_lines(words) if lines else run_dvc(words))


def run_dvc(words: Sequence[str]) -> int:
    """Run DVC's command line in this process; return its exit status."""
    from dvc.cli import main as run

    speed_up()
    return run([*words])


def speed_up() -> None:
    """Replace DVC's slow functions in this process."""
    from dvc import dvcfile
    from dvc.dependency import param
    from dvc.utils import strictyaml
    from dvc.utils.serialize import LOADERS

    LOADERS[".yaml"] = load
    strictyaml.parse_yaml = parse
    param.dpath = SimpleNamespace(get=get, search=param.dpath.search)
    dvcfile.modify_yaml = modify


def load(path: Any, fs: Any = None) -> Any:
    """Do as DVC's `load_yaml`; parse the file only if its text has changed."""
    from dvc.utils.serialize._common import _load_data

    return _load_data(path, parser=parse, fs=fs)


def parse(text: Any, path: Any, typ: str = "safe") -> Any:
    """Do as DVC's `parse_yaml`; parse the text of a path only if it has changed."""
    from dvc.utils.serialize import parse_yaml

    if typ != "safe":  # with comments
        return parse_yaml(text, path, typ)
    known, content = PARSED.get(path, (None, b""))
    if text != known:
        content = pickle.dumps(parse_yaml(text, path))
        PARSED[path] = text, content
    return pickle.loads(content)  # noqa: S301  # a copy for each caller


def get(config: Any, key: str, separator: str) -> Any:
    """Do as `dpath.get`, without a visit to every parameter."""
    import dpath

    found = config
    for part in key.split(separator):
        # a missing key, an item of a list, a pattern
        if not isinstance(found, dict) or part not in found or {*"*?["} & {*part}:
            return dpath.get(config, key, separator=separator)
        found = found[part]
    return found


@contextmanager
def modify(path: str, fs: Any = None) -> Iterator[Any]:
    """Do as DVC's `modify_yaml`; write only those entries of dvc.lock that are replaced."""
    from dvc.utils.serialize import dumps_yaml, modify_yaml

    lock = Path(path).name == "dvc.lock" and Path(path).exists()
    data = load(path, fs) if lock else {}
    entries = split_entries(PARSED[path][0], data) if lock else {}
    if not entries:
        with modify_yaml(path, fs=fs) as data:
            yield data
        return
    stages, before = data["stages"], {**data["stages"]}
    yield data
    for name in [name for name in stages if stages[name] is not before.get(name)]:
        entries[name] = dumps_yaml({"stages": {name: stages[name]}}).removeprefix("stages:\n")
        stages[name] = parse(entries[name], "")[name]
    text = HEAD + "".join(entries[name] for name in stages)
    if data.keys() != {"schema", "stages"}:
        text = dumps_yaml(data)
    write_whole(Path(path), text.encode())
    PARSED[path] = text, pickle.dumps(data)


def split_entries(text: str, data: Any) -> dict[str, str]:
    """Return the text of each stage's entry in dvc.lock, {} if DVC would lay it out otherwise."""
    head, *rest = ENTRY.split(text)
    if head != HEAD or not rest or data.keys() != {"schema", "stages"} or text[-1] != "\n":
        return {}
    names, bodies = rest[::2], rest[1::2]
    if names != [*data["stages"]]:
        return {}
    return {name: f"  {name}:\n{body}" for name, body in zip(names, bodies, strict=True)}
