"""What dvc.lock records, and what it takes for an input to be the recorded one."""

import hashlib
import time
from pathlib import Path
from threading import Thread

import pytest
from dvc_data.hashfile.hash_info import HashInfo
from dvc_data.hashfile.tree import Tree

from interpreting_clip.config.syntax import load_tree
from interpreting_clip.errors import InputError
from runner.graph import StageEntry
from runner.inputs import (
    LOCK,
    Inputs,
    content_md5,
    file_md5,
    folder_md5,
    read_lock,
    recorded_inputs,
    require_merged,
)
from tests.reads import ROOT
from tests.rot import record

MAKERS = {
    "data/weights": "train",
    "data/activations": "extract",
    "data/heads": "head",
    "data/directions": "directions",
    "plots/rn.json": "summarize",
}


@pytest.fixture(autouse=True)
def study(tmp_path, monkeypatch):
    """Write weights, two outputs that were made from them, and one that was made from both."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("runner.inputs.PATIENCE", 0.1)
    for name in ("weights", "activations", "heads", "directions", "plots"):
        Path("data", name).mkdir(parents=True)
        Path("data", name, "results.json").write_text(name)
    Path("plots").mkdir()
    Path("data/plots/results.json").rename("plots/rn.json")
    write_record()


def write_record() -> None:
    record(
        train=([], ["data/weights"]),
        extract=(["data/weights"], ["data/activations"]),
        head=(["data/weights"], ["data/heads"]),
        directions=(["data/activations", "data/heads"], ["data/directions"]),
        summarize=(["data/directions"], ["plots/rn.json"]),
    )


def entry(*deps: str) -> StageEntry:
    return StageEntry("s", "", deps, (), "", (), (), MAKERS, Path("dvc.yaml"))


def check(*deps: str) -> Inputs:
    inputs = Inputs(deps, "s", recorded_inputs(entry(*deps)))
    inputs.check()
    return inputs


def test_the_lock_file_of_this_repository_is_read_as_a_parser_reads_it():
    stages = load_tree(ROOT / LOCK)["stages"]
    md5s = lambda listed: {one["path"]: one["md5"] for one in listed}  # noqa: E731
    found = read_lock(ROOT / LOCK)
    assert len(found) > 100
    for name, stage in stages.items():
        assert found[name].deps == md5s(stage.get("deps", ()))
        assert found[name].outs == md5s(stage.get("outs", ()))


def test_what_dvc_recorded_is_accepted():
    inputs = check("data/directions", "data/heads", "plots", "dvc.lock")
    assert inputs["data/heads"] == Path("data/heads")
    assert inputs.digests()["data/heads"] == content_md5(Path("data/heads"))


@pytest.mark.parametrize("listed", ["data/heads", "plots", "plots/rn.json"])
@pytest.mark.parametrize("change", ["other", "more", "less"])
def test_other_bytes_and_a_file_more_or_less_are_refused(listed, change):
    path = Path("data/heads/results.json" if listed == "data/heads" else "plots/rn.json")
    if change == "more" and listed != "data/heads":
        return  # a result of another encoder
    if change == "other":
        path.write_text("other")
    elif change == "more":
        path.with_name("more").touch()
    else:
        path.unlink()
    with pytest.raises(InputError, match=f"{path if 'plots' in listed else listed}: .*dvc"):
        check(listed)


@pytest.mark.parametrize("other", ["data/heads", "data/activations"])
def test_outputs_of_other_weights_are_refused_though_each_is_recorded(other):
    text = LOCK.read_text()
    Path("data/weights/results.json").write_text("other weights")
    write_record()
    both = LOCK.read_text()
    new, old = content_md5(Path("data/weights")), None
    old = next(line for line in text.splitlines() if "md5: " in line).split()[-1]
    stage = {"data/heads": "head", "data/activations": "extract"}[other]
    before, _, after = both.partition(f"  {stage}:\n")
    LOCK.write_text(f"{before}  {stage}:\n{after.replace(new, old, 1)}")
    with pytest.raises(InputError, match=rf"{other}: .*another data/weights .*dvc repro {stage}"):
        check("data/directions")
    assert check("data/weights")


def test_records_of_stages_that_dvc_yaml_no_longer_has_say_nothing():
    Path("data/heads/results.json").write_text("new")
    record(old=([], ["data/heads"]))
    old = LOCK.read_text().split("stages:\n")[1]
    Path("data/heads/results.json").write_text("heads")
    write_record()
    LOCK.write_text(LOCK.read_text() + old)
    assert check("data/heads")


def test_an_output_without_a_record_was_made_by_hand():
    record(train=([], ["data/weights"]))
    for dep, made in (("data/heads", "data/heads"), ("plots", "plots/rn.json")):
        with pytest.raises(InputError, match=rf"{made}: dvc\.lock has no record .*dvc commit"):
            recorded_inputs(entry(dep))
    LOCK.unlink()
    Path("data/heads/results.json").write_text("by hand")
    assert check("data/heads").digests() == {"data/heads": content_md5(Path("data/heads"))}


def test_a_lock_file_that_dvc_is_writing_is_read_again():
    whole = LOCK.read_text()
    LOCK.write_text(whole[: len(whole) // 2])

    def write() -> None:
        for part in (0.6, 0.9, 1.0):
            time.sleep(0.05)
            LOCK.write_text(whole[: round(part * len(whole))])

    thread = Thread(target=write)
    thread.start()
    assert recorded_inputs(entry("data/directions", "data/heads"))
    thread.join()


def test_every_truncated_lock_file_lacks_a_record_or_has_the_right_one():
    whole = read_lock()
    text = LOCK.read_text()
    for end in range(len(text)):
        LOCK.write_text(text[:end])
        for name, stage in read_lock().items():
            assert stage.outs.items() <= whole[name].outs.items()
            assert not stage.outs or stage.deps == whole[name].deps


@pytest.mark.parametrize("change", ["other", "more", "less", "none"])
def test_inputs_that_change_while_a_stage_computes_are_named(change):
    inputs = check("data/heads", "plots")
    file = Path("plots/rn.json")
    if change == "none":
        file.write_text(file.read_text())
        inputs.require_unchanged()
        return
    if change == "other":
        file.write_text("other")
    elif change == "more":
        (file := file.with_name("more.json")).touch()
    else:
        file.unlink()
    with pytest.raises(InputError, match=rf"{file}: was changed"):
        inputs.require_unchanged()


def test_what_dvc_yaml_does_not_list_is_refused_with_the_line_to_add():
    with pytest.raises(InputError, match=r"dvc\.yaml: .*`- data/c` .*`deps`"):
        Inputs(["data/heads"], "s")["data/c"]


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


def test_what_editors_and_killed_stages_leave_is_no_part_of_a_folder():
    before = content_md5(Path("data/heads"))
    for name in (".#a", "a~", ".a.swp", "a.partial/a"):
        Path("data/heads", name).parent.mkdir(exist_ok=True)
        Path("data/heads", name).touch()
    assert content_md5(Path("data/heads")) == before
    assert file_md5(Path("data/heads/a~")) == hashlib.md5(b"").hexdigest()  # noqa: S324


@pytest.mark.parametrize(
    ("file", "way"),
    [
        ("params.yaml", "edit it"),
        ("dvc.yaml", "edit it"),
        ("dvc.lock", "`git checkout HEAD dvc.lock`"),
        ("code.json", "`git checkout HEAD code.json`"),
    ],
)
def test_conflict_markers_of_a_merge_are_named_with_the_way_out(file, way):
    require_merged()
    Path(file).write_text("a: 1\n<<<<<<< HEAD\nb: 1\n=======\nb: 2\n>>>>>>> other\n")
    with pytest.raises(InputError, match=rf"^{file}: line 2: .*{way}, then run `dvc repro`$"):
        require_merged()
