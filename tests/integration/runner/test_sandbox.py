"""A locked process reads and writes what it was given and nothing else, by whatever library."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.reads import ROOT

LOCKED = """
import ctypes, json, os, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

class Kernel(ctypes.CDLL):
    def syscall(self, number, attributes, *more):  # asked without attributes for its version
        asked = super().__getattr__("syscall")(number, attributes, *more)
        return asked if attributes else {version}
sys.path.insert(0, {root!r})
import runner.sandbox as sandbox
from runner.process import explanation
if {version}:
    sandbox.ctypes.CDLL = Kernel
older = ThreadPoolExecutor(1)
older.submit(int).result()
sandbox.lock([Path("listed")], [Path("out")])
said = []
for expression in json.loads(sys.argv[1]):
    try:
        found = eval(expression)
    except Exception as error:
        found = " ".join([type(error).__name__, str(error), explanation(error, "")])
    said.append(str(found))
print(json.dumps(said))
"""

CHILD = "__import__('subprocess').run(['cat', {!r}], capture_output=True, text=True).stdout"
READS = {
    "open": "open({!r}).read()",
    "child": CHILD,
    "worker": "__import__('multiprocessing').get_context('fork').Pool(1).apply(open, ({!r},))",
    "torch": "__import__('torch').UntypedStorage.from_file({!r}, False, 4)",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("listed", "out", "place", "secret", ".scratch"):
        (tmp_path / name).mkdir()
    for name in ("listed", "secret"):
        (tmp_path / name / "a").write_text("content")
    return tmp_path


def run(folder: Path, *expressions: str, version: int = 0) -> subprocess.CompletedProcess[str]:
    """Evaluate expressions in a process that has locked itself in a folder.

    `version` is that of the kernel's Landlock, if not this one's: -1 for none.
    """
    code = LOCKED.format(root=str(ROOT), version=version)
    command = [sys.executable, "-c", code, json.dumps(expressions)]
    given = os.environ | {"TMPDIR": str(folder / "out")}
    done = subprocess.run(
        command, cwd=folder, env=given, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done


def locked(folder: Path, *expressions: str) -> list[str]:
    """Return what expressions give in a locked process."""
    return json.loads(run(folder, *expressions).stdout.splitlines()[-1])


@pytest.mark.parametrize("name", READS)
def test_what_is_listed_is_read_and_nothing_else(folder, name):
    secret, listed = (READS[name].format(f"{place}/a") for place in ("secret", "listed"))
    refused, allowed = locked(folder, secret, listed)
    assert re.search("ermission denied|^$", refused)  # `cat` says why on its own stderr
    if name != "worker":  # a file cannot be sent back
        assert "Error" not in allowed and "denied" not in allowed and allowed


@pytest.mark.parametrize("version", [-1, 1])
def test_a_system_that_cannot_lock_computes_and_says_so_once(folder, version):
    said = [run(folder, "open('secret/a').read()", version=version) for _ in range(2)]
    assert all("content" in one.stdout for one in said)
    assert said[0].stderr.count("\n") == 1 and "does not list" in said[0].stderr
    assert said[1].stderr == ""


def test_outputs_are_written_and_only_a_thread_that_is_older_moves_them(folder):
    written, *refused = locked(
        folder,
        "Path('out/b').write_text('b')",
        "Path('out/b').replace('place/b')",
        "Path('listed/b').touch()",
        "Path('place/b').write_text('c')",
    )
    assert "Error" not in written
    assert all("PermissionError" in said for said in refused)
    assert "Error" not in locked(folder, "older.submit(Path('out/b').replace, 'place/b').result()")
    assert (folder / "place/b").read_text() == "b"


@pytest.mark.parametrize(
    ("expression", "path"),
    [
        ("open('secret/a')", "secret/a"),
        ("__import__('pyarrow.parquet').parquet.ParquetFile('secret/a')", "secret/a"),
    ],
)
def test_a_refusal_names_the_path_and_the_line_to_add(folder, expression, path):
    (said,) = locked(folder, expression)
    assert f"dvc.yaml: the stage opens {path} " in said and "`deps`" in said
