"""What dvc.lock records of outputs, read without a parser of YAML."""

import hashlib
from pathlib import Path

import pytest
from dvc_data.hashfile.hash_info import HashInfo
from dvc_data.hashfile.tree import Tree

from runner.recorded import folder_md5, recorded_outputs
from tests.reads import ROOT
from tools.cache import locked_outputs

MD5 = "0123456789abcdef" * 2
OUT = f"    outs:\n    - path: data/a\n      hash: md5\n      md5: {MD5}.dir\n      size: 1\n"


def test_the_lock_file_of_this_repository_is_read_as_a_parser_reads_it():
    parsed: dict[str, set[str]] = {}
    for out in locked_outputs(ROOT):
        parsed.setdefault(out.path, set()).add(out.md5)
    assert len(parsed) > 100
    assert recorded_outputs(ROOT / "dvc.lock") == parsed


def test_dependencies_are_not_taken_for_outputs(tmp_path):
    lock, other = tmp_path / "dvc.lock", OUT.replace("0123", "3210")
    lock.write_text("stages:\n  a:\n" + other.replace("outs", "deps") + OUT)
    assert recorded_outputs(lock) == {"data/a": {f"{MD5}.dir"}}


def test_a_renamed_stage_leaves_two_records(tmp_path):
    lock, other = tmp_path / "dvc.lock", OUT.replace("0123", "3210")
    lock.write_text(f"stages:\n  a:\n{OUT}  b:\n{other}")
    assert recorded_outputs(lock) == {
        "data/a": {f"{MD5}.dir", MD5.replace("0123", "3210") + ".dir"}
    }


@pytest.mark.parametrize("end", (1, 14, 37))
def test_a_record_that_is_cut_short_is_none(tmp_path, end):
    (tmp_path / "dvc.lock").write_text(f"stages:\n  a:\n{OUT}"[: -len("      size: 1\n") - end])
    assert recorded_outputs(tmp_path / "dvc.lock") == {}


@pytest.mark.parametrize("content", [b"", b"\xff", None])
def test_without_a_legible_lock_file_nothing_is_recorded(tmp_path, content):
    if content is not None:
        (tmp_path / "dvc.lock").write_bytes(content)
    assert recorded_outputs(tmp_path / "dvc.lock") == {}


def test_a_folder_has_the_md5_that_dvc_gives_it():
    names = ["a-b", "a/b", "a.b", "a b/c", "ab", "a/b\N{LATIN SMALL LETTER E WITH ACUTE}", "A", "Z"]
    md5s = {name: hashlib.md5(name.encode()).hexdigest() for name in names}  # noqa: S324
    tree = Tree()
    for name, md5 in md5s.items():
        tree.add(Path(name).parts, None, HashInfo("md5", md5))
    tree.digest()
    assert tree.hash_info is not None
    assert folder_md5(md5s) == tree.hash_info.value
    assert folder_md5(dict(reversed(md5s.items()))) == tree.hash_info.value
