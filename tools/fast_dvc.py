"""DVC without three costs that grow with a study; `make repro` uses it.

After each stage that ran, DVC 3.67 reads and writes all of dvc.lock through ruamel.yaml's
round-trip classes, in pure Python: 1.35 s of processor time for 6,000 lines. Here, DVC's writer
writes the entry of that stage, the text of all others is kept, and entries are parsed once.

For each stage, several times, DVC also parses params.yaml and code.json, and searches them for each
of its settings; here, it parses a content once, and looks a setting up by its key. And stages are
forks of a process that has imported the libraries (`tools/stage_server.py`).

dvc.lock has the bytes that `dvc repro` writes, so the two can take turns. What is stale, locks, and
the runs of stages remain DVC's. If dvc.lock is not laid out as DVC writes it, DVC's own function
writes it.
"""

import argparse
import pickle
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dpath

from interpreting_clip.config.syntax import Loader
from interpreting_clip.errors import InputError
from interpreting_clip.formats.json import write_whole
from runner.inputs import LOCK, parse_lock
from runner.records import record_of, wrong_setting
from tools.stage_server import serve_stages

HEAD, ENTRY = "schema: '2.0'\nstages:\n", re.compile(r"^  (\S+):\n", re.MULTILINE)
BODY = re.compile(r"(    .*\n)+")
"""How dvc.lock begins, the first line of a stage's entry, and the others."""


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
    from dvc import dvcfile
    from dvc.cli import main as run
    from dvc.dependency import param

    dvcfile.modify_yaml, param.load_path = modify, load_settings
    param.dpath = SimpleNamespace(get=find_setting, search=dpath.search)
    with serve_stages():
        return run([*words])


PARSED: dict[str, tuple[bytes, bytes]] = {}
"""By path, the last content of a file of settings, and what it says, pickled."""


def load_settings(path: str, fs: Any, **options: Any) -> Any:
    """Load a file of settings as DVC's `load_path`; each caller gets a copy of its own."""
    from dvc.utils.serialize import load_path

    with fs.open(path, "rb") as stream:
        content = stream.read()
    if PARSED.get(path, (None,))[0] != content:
        PARSED[path] = content, pickle.dumps(load_path(path, fs, **options))
    return pickle.loads(PARSED[path][1])  # noqa: S301 - what this process has written


def find_setting(settings: Any, key: str, separator: str) -> Any:
    """Look a key up as `dpath.get`, which compares it with each key of the file."""
    found = settings
    for name in key.split(separator):
        if not isinstance(found, dict) or name not in found:
            return dpath.get(settings, key, separator=separator)
        found = found[name]
    return found


@contextmanager
def modify(path: str, fs: Any = None) -> Iterator[Any]:
    """Do as DVC's `modify_yaml`; write only those entries of dvc.lock that are replaced."""
    from dvc.utils.serialize import dumps_yaml, modify_yaml

    file = Path(path)
    text = file.read_text("utf-8") if file.name == LOCK.name and file.exists() else ""
    entries = split_entries(text)
    data = {"schema": "2.0", "stages": {name: parsed(entries[name])[name] for name in entries}}
    with nullcontext(data) if entries else modify_yaml(path, fs=fs) as data:
        before = {**data.get("stages", {})}
        yield data
        stages = data.get("stages", {}) if file.name == LOCK.name else {}
        for name in [name for name in stages if stages[name] is not before.get(name)]:
            entry = dumps_yaml({"stages": {name: stages[name]}}).removeprefix("stages:\n")
            require_right_record(name, entry)
            entries |= {name: entry} if entries else {}
    if entries:
        write_whole(file, (HEAD + "".join(entries[name] for name in stages)).encode())


def require_right_record(name: str, entry: str) -> None:
    """Refuse an entry with other settings than its stage computed with, also in the run cache."""
    if wrong := wrong_setting(name, parse_lock(entry)[name]):
        from tools.cache import Cache, open_repo

        with open_repo(Path.cwd()) as repo:
            Cache(repo).delete_run(Loader(entry).get_single_data()[name])
        record_of(name).unlink()
        raise InputError(
            f"{wrong} was changed after stage {name} had computed with it, and before DVC recorded "
            "that; nothing was recorded: run `dvc repro` again"
        )


def split_entries(text: str) -> dict[str, str]:
    """Return the text of each stage's entry in dvc.lock, {} if DVC would lay it out otherwise."""
    head, *rest = ENTRY.split(text)
    names, bodies = rest[::2], rest[1::2]
    entries = {name: f"  {name}:\n{body}" for name, body in zip(names, bodies, strict=True)}
    if head != HEAD or len(entries) < len(names) or not all(map(BODY.fullmatch, bodies)):
        return {}
    return entries if all([*parsed(entries[name])] == [name] for name in entries) else {}


@cache
def parsed(entry: str) -> dict[str, Any]:
    """Return what an entry says, by its stage's name."""
    from dvc.utils.serialize import parse_yaml

    return parse_yaml(entry, LOCK)
