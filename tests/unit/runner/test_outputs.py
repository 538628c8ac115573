import errno
from pathlib import Path

import pytest

from interpreting_clip.errors import InputError
from runner.outputs import CONTENTS, Inputs, Outputs, require_checksums


@pytest.mark.parametrize("content", [b"{}", b'{"output": "\xff"}', b"[" * 100_000])
def test_refuses_contents_that_are_none(tmp_path, content):
    (tmp_path / "contents.json").write_bytes(content)
    with pytest.raises(InputError, match=r"contents\.json: damaged .*`make fsck`"):
        assert Inputs([str(tmp_path)], [str(tmp_path)])[tmp_path]


@pytest.mark.parametrize("content", [b"\xff", b"0123"])
def test_refuses_checksums_that_are_none(tmp_path, content):
    (tmp_path / "a.sha256").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.sha256: cannot be read"):
        require_checksums(tmp_path / "a.sha256", tmp_path / "a.json")


@pytest.fixture
def outputs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Outputs(["data/a", "m/b.json", "m/b.sha256"], ["m/b.json", "m/b.sha256"], "stage")


NOTHING = Inputs((), ())


def test_outputs_appear_at_the_end_and_replace_what_an_earlier_run_left(outputs):
    for run in ("first", "second"):
        Path("data/a.partial").mkdir(parents=True, exist_ok=True)
        with outputs.written(NOTHING):
            (outputs["data/a"] / run).write_text("whole")
            outputs["m/b.json"].write_text(run)
            assert Path("data/a").exists() == (run == "second")
        assert sorted(path.name for path in Path("data/a").iterdir()) == sorted([CONTENTS, run])
        assert Path("m/b.json").read_text() == run
        assert require_checksums(Path("m/b.sha256"), Path("m/b.json")) == []
    assert sorted(map(str, Path().rglob("*.partial"))) == []


@pytest.mark.parametrize(
    ("error", "told", "message"),
    [
        (KeyboardInterrupt("stopped"), KeyboardInterrupt, "stopped"),
        (ValueError("wrong"), ValueError, "wrong"),
        (OSError(errno.EIO, "io"), OSError, "io"),
        (OSError(errno.ENOSPC, "No space left on device"), InputError, "disk is full"),
    ],
)
def test_nothing_is_left_after_an_error_and_a_full_disk_is_explained(outputs, error, told, message):
    with pytest.raises(told, match=message), outputs.written(NOTHING):
        (outputs["data/a"] / "half").touch()
        raise error
    assert [path for path in Path().rglob("*") if path.name not in ("data", "m")] == []


def test_an_output_that_is_not_written_is_missed(outputs):
    with pytest.raises(InputError, match="m/b"), outputs.written(NOTHING):
        (outputs["data/a"] / "results.json").touch()
    assert not Path("data/a").exists()


def test_what_dvc_yaml_does_not_list_is_refused_with_the_line_to_add(outputs):
    with pytest.raises(InputError, match=r"dvc\.yaml: .*`- data/c`"):
        outputs["data/c"]
    with pytest.raises(InputError, match=r"dvc\.yaml: .*`- data/c` .*`deps`"):
        Inputs(["data/b"], ["data/b"], "s")["data/c"]
