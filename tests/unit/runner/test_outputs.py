import pytest

from interpreting_clip.errors import InputError
from runner.outputs import open_outputs, require_checksums


@pytest.mark.parametrize("content", [b"{}", b'{"output": "\xff"}', b"[" * 100_000])
def test_refuses_contents_that_are_none(tmp_path, content):
    (tmp_path / "contents.json").write_bytes(content)
    with pytest.raises(InputError, match=r"contents\.json: damaged .*`make fsck`"):
        open_outputs(tmp_path)


@pytest.mark.parametrize("content", [b"\xff", b"0123"])
def test_refuses_checksums_that_are_none(tmp_path, content):
    (tmp_path / "a.sha256").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.sha256: cannot be read"):
        require_checksums(tmp_path / "a.sha256", tmp_path / "a.json")
