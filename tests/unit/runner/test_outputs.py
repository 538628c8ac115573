from pathlib import Path

import pytest

from interpreting_clip.errors import InputError
from runner.outputs import Outputs


@pytest.fixture
def outputs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Outputs(["data/a", "m/b.json"], ["m/b.json"], "stage")


def test_outputs_appear_at_the_end_and_replace_those_of_an_earlier_run(outputs):
    ended = []
    outputs.at_end(lambda: ended.append(Path("m/b.json").read_text()))
    for run in ("first", "second"):
        Path("data/a.partial/left").mkdir(parents=True, exist_ok=True)
        outputs.prepare()
        (outputs["data/a"] / run).write_text("whole")
        outputs["m/b.json"].write_text(run)
        assert Path("data/a").exists() == (run == "second")
        outputs.keep()
        outputs.discard()
        assert [path.name for path in Path("data/a").iterdir()] == [run]
        assert ended[-1] == Path("m/b.json").read_text() == run
    assert sorted(map(str, Path().rglob("*.partial"))) == []


@pytest.mark.parametrize("written", ["data/a", "m/b.json"])
def test_an_output_that_is_not_written_is_missed(outputs, written):
    outputs.prepare()
    file = outputs[written] if written.endswith("json") else outputs[written] / "results.json"
    file.touch()
    (missing,) = {"data/a", "m/b.json"} - {written}
    with pytest.raises(InputError, match=f"did not write {missing}"):
        outputs.keep()
    assert not Path(written).exists()
