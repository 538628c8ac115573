from importlib.metadata import version

from tools import lock

TORCH = version("torch").partition("+")[0]
RECORD = "# What pip chose of torch: 1.0\ntorch: {}\nnumpy: {}\n"


def test_another_release_is_written_down_and_said_once(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(lock, "RECORDED", file := tmp_path / "versions.yaml")
    file.write_text(RECORD.format("1.0", version("numpy")))
    lock.main()
    said = capsys.readouterr().out
    assert said.startswith(f"{file}: torch 1.0 -> {TORCH}.") and said.count("\n") == 1
    assert f"pip install torch==1.0 && git checkout {file}\n" in said
    lock.main()
    assert capsys.readouterr().out == ""
    assert file.read_text() == RECORD.format(TORCH, version("numpy"))
