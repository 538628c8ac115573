"""A stage reads what another has written, whole, in its place and of one origin, or nothing."""

import random
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from interpreting_clip.config.syntax import load_tree
from interpreting_clip.errors import InputError
from interpreting_clip.formats.json import read_json, write_json
from interpreting_clip.kernels import KERNELS
from runner.outputs import CONTENTS, Inputs, require_checksums, write_checksums, write_contents
from runner.recorded import file_md5, recorded_outputs
from tests.integration.stages.conftest import paths
from tests.pipeline.refusals import refused
from tests.reads import GRAPH, ROOT, body
from tests.rot import files_of, flipped, record

OURS = ("data/study", "data/reference", "data/published", "data/baselines")
READERS = sorted(
    stage
    for stage in GRAPH
    if any(
        str(dep).startswith("data/") and not str(dep).startswith(OURS)
        for dep in body(stage)["deps"]
    )
)
"""The stages that read what another has written into `data/`."""

STUDY = ROOT / "params.yaml"


@pytest.fixture(autouse=True)
def no_kernels_chosen(monkeypatch):
    for name in KERNELS:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(params=READERS)
def start(request, tmp_path, monkeypatch):
    """Write a folder with a file in place of each input of a stage; return how to start it."""
    monkeypatch.chdir(tmp_path)
    study = load_tree(STUDY)
    pair = {"first": "rn_web_broad", "second": "rn_web_broad_finetuned"}
    study["interpolate"] = {"mixed": pair | {"alpha": 0.5}}
    probe = {"start": "rn_web_broad", "dataset": "imagenet_train", "features": "embedding"}
    study["probe"] = {"probed": probe}
    Path("params.yaml").write_text(yaml.safe_dump(study))
    stage = request.param
    entries = GRAPH[stage].get("foreach", "").strip("${}")
    key = next(iter(study[entries])) if entries else ""
    deps = paths(stage, "deps", key)
    inputs = [Path(d) for d in deps if d.startswith("data/") and not d.startswith(OURS)]
    origin = Path("data/origins/a")
    origin.mkdir(parents=True)
    write_contents(origin)
    for folder in inputs:
        folder.mkdir(parents=True)
        write_json(folder / "results.json", {"a": 1})
        write_contents(folder, read_together(str(origin)))
    record(*inputs)
    return stage, key, inputs


FLIPS = 8
"""How many bits flip, one at a time, in files of a stage's inputs that are drawn."""


def test_one_flipped_bit_of_any_input_is_refused(start):
    stage, key, inputs = start
    rng = random.Random(stage)
    files = [file for folder in inputs for file in files_of(folder)]
    for file in rng.choices(files, k=FLIPS):
        for flip in flipped(file, rng, 1):
            said = refused(stage, key)
            assert str(file.parent) in said and "make fsck" in said, flip


def test_other_origins_or_kernels_than_those_that_dvc_recorded_are_refused(start):
    stage, key, inputs = start
    file = inputs[0] / CONTENTS
    content = read_json(file)
    for change in ({"made_from": {"data/origins/b": 64 * "0"}}, {"kernels": ["MKL_CBWR=AVX"]}):
        write_json(file, content | change)
        said = refused(stage, key)
        assert str(file) in said and "dvc.lock" in said and "dvc commit" in said


@pytest.mark.parametrize("change", ["more", "less", "none"])
def test_a_file_more_or_less_is_refused(start, change):
    stage, key, (folder, *_) = start
    if change == "more":
        write_json(folder / "another.json", {})
    else:
        (folder / ("results.json" if change == "less" else CONTENTS)).unlink()
    assert str(folder) in refused(stage, key)


def test_an_output_in_another_s_place_is_refused(start):
    stage, key, (folder, *_) = start
    write_contents(folder.with_name("another"), folder=folder)
    said = refused(stage, key)
    assert f"{folder}: " in said and str(folder.with_name("another")) in said


def read_together(*paths: str) -> Inputs:
    """Return outputs as a stage gets those that it asks for."""
    inputs = Inputs(paths, paths)
    assert all(inputs[path] for path in paths)
    return inputs


@pytest.fixture
def chain(tmp_path, monkeypatch):
    """Write weights, two outputs that were made from them, and one that was made from one."""
    monkeypatch.chdir(tmp_path)

    def write(path: str, *inputs: str, content: str = "") -> None:
        write_json(Path(path) / "results.json", {"content": content or path})
        write_contents(Path(path), read_together(*inputs))

    write("data/weights/rn")
    write("data/activations/rn", "data/weights/rn")
    write("data/heads/rn", "data/weights/rn")
    write("data/directions/rn", "data/activations/rn")
    return write


READ_TOGETHER = [f"data/{name}/rn" for name in ("activations", "heads", "directions")]


def test_outputs_of_one_origin_are_read_together(chain):
    made = read_together(*READ_TOGETHER)
    assert [one.path for one in made.outputs] == READ_TOGETHER
    assert set(made.outputs[-1].made_from) == {"data/activations/rn", "data/weights/rn"}


@pytest.mark.parametrize("old", ["heads", "directions"])
def test_outputs_of_different_weights_are_not_read_together(chain, old):
    shutil.copytree(f"data/{old}/rn", "kept")
    chain("data/weights/rn", content="other weights")
    chain("data/activations/rn", "data/weights/rn")
    chain("data/heads/rn", "data/weights/rn")
    chain("data/directions/rn", "data/activations/rn")
    shutil.rmtree(f"data/{old}/rn")
    Path("kept").rename(f"data/{old}/rn")
    with pytest.raises(InputError, match="made from another data/weights/rn than "):
        read_together(*READ_TOGETHER)


def test_the_same_content_made_again_is_the_same_origin(chain):
    before = read_json(Path("data/directions/rn") / CONTENTS)
    chain("data/activations/rn", "data/weights/rn")
    chain("data/directions/rn", "data/activations/rn")
    assert read_json(Path("data/directions/rn") / CONTENTS) == before


def test_variables_that_choose_kernels_go_with_what_was_computed(chain, monkeypatch):
    monkeypatch.setenv("MKL_CBWR", "AVX2")
    chain("data/activations/rn", "data/weights/rn")
    monkeypatch.delenv("MKL_CBWR")
    chain("data/directions/rn", "data/activations/rn", "data/heads/rn")
    chain("data/kurtosis/rn", "data/heads/rn")
    for path in ("data/activations/rn", "data/directions/rn"):
        assert read_json(Path(path) / CONTENTS)["kernels"] == ["MKL_CBWR=AVX2"]
    for path in ("data/weights/rn", "data/heads/rn", "data/kurtosis/rn"):
        assert "kernels" not in read_json(Path(path) / CONTENTS)
    write_json(Path("a.json"), {})
    inputs = read_together("data/directions/rn")
    write_checksums(Path("a.sha256"), {"a.json": Path("a.json")}, inputs.kernels())
    assert require_checksums(Path("a.sha256"), Path("a.json")) == ["MKL_CBWR=AVX2"]
    subprocess.run(["sha256sum", "--check", "--strict", "a.sha256"], check=True)


def test_without_a_record_of_dvc_s_origins_are_believed(chain):
    file = Path("data/directions/rn") / CONTENTS
    write_json(file, read_json(file) | {"made_from": {"data/activations/other": 64 * "0"}})
    assert read_together("data/directions/rn").outputs[0].made_from


def test_large_files_are_compared_with_the_record_while_a_stage_computes(chain, monkeypatch):
    folder = Path("data/directions/rn")
    record(folder)
    monkeypatch.setattr("runner.outputs.LARGE", 1)
    write_json(folder / CONTENTS, read_json(folder / CONTENTS) | {"made_from": {"data/a": "0"}})
    inputs = Inputs([str(folder)], [str(folder)], "", recorded_outputs())
    assert inputs[folder]
    with pytest.raises(InputError, match=r"contents\.json: dvc\.lock records data/directions/rn"):
        inputs.require_whole()


@pytest.mark.parametrize("listed", ["plots/a", "plots/a/rn.sha256"])
def test_checksums_in_git_are_what_dvc_recorded(tmp_path, monkeypatch, listed):
    monkeypatch.chdir(tmp_path)
    sums = Path("plots/a/rn.sha256")
    sums.parent.mkdir(parents=True)
    write_json(sums.with_suffix(".json"), {})
    write_checksums(sums, {"plots/a/rn.json": sums.with_suffix(".json")}, ["MKL_CBWR=AVX2"])
    recorded = {sums.as_posix(): {file_md5(sums)}}
    Inputs([listed], [], "", recorded).check()
    sums.write_text(sums.read_text().replace("AVX2", "AVX3"))
    assert require_checksums(sums, sums.with_suffix(".json")) == ["MKL_CBWR=AVX3"]
    with pytest.raises(InputError, match=r"plots/a/rn\.sha256: dvc\.lock .*`git restore`"):
        Inputs([listed], [], "", recorded).check()


def test_shards_are_left_to_the_card(tmp_path):
    (tmp_path / "shard-00000.tar").touch()
    write_contents(tmp_path)
    (tmp_path / "shard-00000.tar").write_bytes(b"other")
    read_together(str(tmp_path))


def test_results_in_git_are_checked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sums, results = Path("a.sha256"), (Path("a.json"), Path("b.csv"))
    for result in results:
        result.write_text(result.name)
    write = lambda *some: write_checksums(sums, {one.as_posix(): one for one in some})  # noqa: E731
    write(*results)
    assert require_checksums(sums, *results) == []
    assert all(len(line.split("  ")[0]) == 64 for line in sums.read_text().splitlines())
    for damage in (
        lambda: results[1].write_text("b.csw"),
        results[1].unlink,
        lambda: write(results[0]),
        sums.unlink,
    ):
        damage()
        with pytest.raises(InputError, match=r"[ab]\.(csv|sha256): .*dvc repro"):
            require_checksums(sums, *results)
        results[1].write_text("b.csv")
        write(*results)
