"""DVC's own way to write dvc.lock and the fast one: the same bytes."""

import os
from collections import OrderedDict
from pathlib import Path

import dpath
import pytest
from dvc.fs import LocalFileSystem
from dvc.utils.serialize import modify_yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reads import ROOT
from tools.fast_dvc import find_setting, load_settings, modify, split_entries

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=120)
# Not more digits: ruamel.yaml may change the last of 1.2831183976204349e-28 when it rewrites it.
FLOATS = st.builds(lambda digits, e: digits * 10.0**e, st.integers(-999, 999), st.integers(-9, 9))
LEAVES = st.none() | st.booleans() | st.integers() | FLOATS.map(lambda x: float(f"{x:.3g}")) | TEXTS
VALUES = st.recursive(
    LEAVES, lambda v: st.lists(v, max_size=3) | st.dictionaries(TEXTS, v, max_size=3), max_leaves=8
)
CALLS = st.lists(
    st.tuples(st.sampled_from(["a", "b@1", "study", "on"]), VALUES), min_size=1, max_size=5
)
OTHER_LAYOUTS = {
    "comment": "schema: '2.0'\nstages:\n  # by hand\n  study:\n    cmd: x\n",
    "flow": "schema: '2.0'\nstages: {study: {cmd: x}}\n",
    "indented": "schema: '2.0'\nstages:\n  study:\n      cmd: x\n  'new':\n    cmd: y\n",
    "datasets": "schema: '2.0'\nstages:\n  study:\n    cmd: x\ndatasets:\n- name: y\n",
}


def record(change, file: Path, name: str, entry: object) -> bytes:
    """Put an entry into dvc.lock as DVC's `Lockfile.dump_stages` does; return the file."""
    with change(str(file)) as data:
        if not data:
            data.update({"schema": "2.0"})
        data["stages"] = data.get("stages", {})
        data["stages"].update({name: entry})
    return file.read_bytes()


@pytest.fixture(scope="module")
def locks(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a lock file that DVC writes, and one that is written fast."""
    first, second = (tmp_path_factory.mktemp(name) / "dvc.lock" for name in ("dvc", "fast"))
    return first, second


@settings(derandomize=True, deadline=None, max_examples=50)
@given(CALLS)
def test_after_each_stage_the_lock_file_has_the_bytes_that_dvc_writes(locks, calls):
    plain, fast = locks
    for file in locks:
        file.unlink(missing_ok=True)
    for name, value in calls:
        entry = OrderedDict(cmd=f"make {name}", params={"params.yaml": OrderedDict(key=value)})
        assert record(modify, fast, name, entry) == record(modify_yaml, plain, name, entry)


def test_this_repositorys_lock_file_is_laid_out_as_dvc_does():
    text = (ROOT / "dvc.lock").read_text()
    assert len(split_entries(text)) > 100


@pytest.mark.parametrize("layout", OTHER_LAYOUTS)
def test_a_lock_file_of_another_layout_is_left_to_dvc(tmp_path: Path, layout):
    files = [tmp_path / name / "dvc.lock" for name in ("dvc", "fast")]
    for file in files:
        file.parent.mkdir()
        file.write_text(OTHER_LAYOUTS[layout])
    plain, fast = files
    assert record(modify, fast, "new", {"cmd": "x"}) == record(
        modify_yaml, plain, "new", {"cmd": "x"}
    )


def test_settings_are_those_in_the_file_whoever_has_changed_them(tmp_path):
    file, system = tmp_path / "params.yaml", LocalFileSystem()
    file.write_text("a: {b: 1}\n")
    load_settings(str(file), system)["a"]["b"] = 7
    assert load_settings(str(file), system) == {"a": {"b": 1}}
    times = file.stat()
    file.write_text("a: {b: 2}\n")  # of the same size and time
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert load_settings(str(file), system) == {"a": {"b": 2}}


SETTINGS = {"a": {"b": 1, "c.d": 2}, "e": [3, {"f": 4}], "g": None}


@pytest.mark.parametrize(
    "key", ["a", "a.b", "a.c.d", "a.x", "e", "e.1.f", "e.5", "g", "g.h", "*.b"]
)
def test_a_setting_is_what_dvc_finds(key):
    def found(get):
        try:
            return get(SETTINGS, key, separator=".")
        except (KeyError, ValueError) as error:
            return type(error)

    assert found(find_setting) == found(dpath.get)
