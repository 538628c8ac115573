from pathlib import Path

import pytest
import yaml

from interpreting_clip.errors import InputError
from interpreting_clip.formats.json import write_json
from runner.machine_settings import Machine
from tests.pipeline.workspace import NANO
from tools import plan as plan_module
from tools import reachable
from tools.amounts import UNKNOWN, Amount, about
from tools.costs import MEASURED, RATES, equal_rates
from tools.plan import main, make_plan, table, total_download
from tools.reachable import Answer, AskedSource

BRODEN = {"kind": "broden", "source": "folder", "folder": "broden1"}

SIZES = {"dataset": Amount(1_000_000), "url": Amount(690_000), "folder": Amount(0)}


@pytest.fixture
def study(tmp_path, monkeypatch):
    """Return a function that writes the nano study with other datasets."""
    monkeypatch.setenv("INTERPRETING_CLIP_FOLDERS", str(tmp_path))

    def write(**datasets):
        tree = yaml.safe_load(NANO.read_text())
        tree["datasets"] |= datasets
        sources = {entry["source"] for entry in datasets.values() if "source" in entry}
        tree["sources"] |= {source: {"images_per_shard": 10} for source in sources}
        file = tmp_path / "study.yaml"
        file.write_text(yaml.safe_dump(tree))
        return str(file)

    return write


@pytest.fixture
def plan(remote, monkeypatch):
    """Return a function that plans the remote study, whose servers answer at once."""

    def answer(source, machine, *, offline):
        problem = "val: gone" if source.kind == "folder" else None
        return Answer(problem, UNKNOWN if offline else SIZES[source.kind], asked=not offline)

    monkeypatch.setattr(reachable, "ask", answer)
    return lambda offline: make_plan(remote, Machine(), offline=offline)


def rows(plan, name="datasets", column="dataset"):
    return {row[column]: row for row in plan[name]}


def test_a_drawn_study_needs_nothing_from_elsewhere(capsys):
    main(str(NANO))
    said = capsys.readouterr().out
    assert said.startswith(f"The nano study, {NANO}: encoders 4, datasets 10, comparisons 1\n")
    assert said.endswith("needs no source outside of this repository.\n")
    for title in ("Datasets", "Encoders", "Trainings", "Memory of a GPU", "Compute", "Disk"):
        assert f"\n{title}" in said


def line(said: str, start: str) -> str:
    """Return the line of a plan that begins so."""
    (found,) = [line for line in said.splitlines() if line.startswith(start)]
    return found


def test_without_a_rate_a_line_says_how_to_get_hours(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # where nothing was measured
    main(str(NANO))
    said = capsys.readouterr().out
    assert "make bench ONLY=gpu" in line(said, "No hours") and "--rate" in line(said, "No hours")
    assert "hours" not in line(said, "stage") and line(said, "Compute") == "Compute"


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """Return a function that writes rates where `make bench ONLY=gpu` leaves them."""
    monkeypatch.chdir(tmp_path)
    origin = "measured on a GPU,\x1b[31m torch 2.13.0"
    rates = {**dict.fromkeys(RATES, 7.0), "origin": origin}
    return lambda **others: write_json(tmp_path / MEASURED, rates | others)


def test_measured_rates_are_taken_from_where_the_benchmark_leaves_them(capsys, measured):
    measured(bfloat16_vit=123.4)
    main(str(NANO))
    said = capsys.readouterr().out
    expected = r"bfloat16 vit 123.4, bfloat16 resnet 7 (measured on a GPU,\x1b[31m torch 2.13.0)"
    assert expected in line(said, "Compute") and "hours" in line(said, "stage")
    assert "No hours" not in said
    main(str(NANO), "--rate=3")
    assert line(capsys.readouterr().out, "Compute").endswith(": 3 (given)")


def test_rates_that_are_none_are_refused(measured):
    measured(float32_vit=0)
    with pytest.raises(InputError, match=r"gpu\.json.*float32_vit"):
        main(str(NANO))


def test_what_does_not_fit_the_gpu_is_refused(capsys, monkeypatch):
    main(str(NANO), "--gpu-memory=80")
    assert "do not fit" not in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        main(str(NANO), "--gpu-memory=1.6")
    said = capsys.readouterr().out
    assert ended.value.code == 1
    assert " do not fit 20.0 MB of the GPU's 1.6 GB:" in said
    assert "`pieces: " in line(said, "  rn_web_broad: ")
    assert said.endswith("needs no source outside of this repository.\n")
    monkeypatch.setattr(plan_module, "device_memory", lambda machine: 1.6e9)
    with pytest.raises(SystemExit):
        main(str(NANO))
    assert "  rn_web_broad: " in capsys.readouterr().out


def test_hours_follow_from_the_rate(nano):
    def rows_at(rate):
        plan = make_plan(nano, Machine(), offline=True, rates=equal_rates(rate))
        return rows(plan, "compute", "stage")

    slow, fast = rows_at(1), rows_at(10)
    for stage, row in slow.items():
        assert row["hours"].value == pytest.approx(row["operations"].value / 1e12 / 3600)
        assert row["hours"].value == pytest.approx(10 * fast[stage]["hours"].value)
        assert not row["hours"].exact
    assert slow["extract"]["forward_passes"] == Amount(4 * (200 + 900))


def test_a_download_is_what_the_host_says_and_a_limit_keeps_its_share(plan):
    asked = plan(False)
    found = rows(asked)
    downloads = {key: row["download"] for key, row in found.items()}
    assert downloads["imagenet_v2"] == Amount(1_000_000)
    assert downloads["imagenet_a"] == Amount(690_000)
    assert downloads["imagenet_val"] == downloads["imagenet_r"] == Amount(0)
    assert found["imagenet_v2"]["images"] == Amount(2000)
    assert found["imagenet_v2"]["stored"] == about(1_000_000 * 2000 / 10_000)
    assert found["imagenet_val"]["stored"].value == pytest.approx(6.74e9)  # read from a folder
    assert found["imagenet_r"]["stored"] == Amount(0)
    assert asked["unreachable"] == {"val": "val: gone"}
    assert found["imagenet_val"]["state"] == "CANNOT BE REACHED"


def test_a_download_is_estimated_where_nobody_was_asked(plan):
    offline = plan(True)
    assert rows(offline)["imagenet_v2"]["download"] == about(1.26e9)
    assert rows(offline)["imagenet_v2"]["state"] == "not asked"
    assert (offline["unasked"], offline["sources"]) == (3, 3)


def test_a_source_that_two_entries_share_counts_once():
    a, b, c = (AskedSource("url", f"http://host/{name}") for name in "abc")
    answers = {
        a: Answer(None, Amount(1)),
        b: Answer(None, Amount(10)),
        c: Answer(None, Amount(100)),
    }
    downloads = [([a, b], Amount(11)), ([b, c], Amount(110))]
    assert total_download(downloads, answers) == Amount(111)
    assert total_download(downloads, answers | {a: Answer()}) == Amount(11 + 110)


def test_ends_with_1_and_names_what_cannot_be_reached(study, capsys, tmp_path):
    with pytest.raises(SystemExit) as ended:
        main(study(broden=BRODEN))
    said = capsys.readouterr().out
    assert ended.value.code == 1
    assert "1 of 1 sources cannot be reached:" in said and str(tmp_path / "broden1") in said
    (tmp_path / "broden1/images").mkdir(parents=True)
    main(study(broden=BRODEN))
    said = capsys.readouterr().out
    assert "1 of 1 sources can be reached." in said and "63,305" in said


def test_a_folder_of_activations_is_reached_by_its_manifest(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("INTERPRETING_CLIP_FOLDERS", str(tmp_path))
    tree = yaml.safe_load(NANO.read_text())
    tree["backbones"]["jax"] = {"kind": "external", "model": "a net in JAX"}
    entry = {"source": "activations", "backbone": "jax", "folder": "mine", "sha256": "0" * 64}
    tree["weights"]["mine"] = entry | {"representation": "linear", "normalize_features": True}
    mine = tree["encoders"]["rn_untrained"] | {"label": "Mine", "backbone": "jax"}
    tree["encoders"]["mine"] = mine | {"head": "trained"}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(tree))
    with pytest.raises(SystemExit):
        main(str(tmp_path / "study.yaml"), "--offline")
    assert f"{tmp_path}/mine/manifest.json: missing" in capsys.readouterr().out
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/manifest.json").write_text("{}")
    main(str(tmp_path / "study.yaml"), "--offline")
    assert "1 of 1 sources can be reached." in capsys.readouterr().out


def test_refuses_a_study_that_is_not_legal(study):
    file = study(imagenet_val={"kind": "imagenet"}, broden={"kind": "probe"})
    with pytest.raises(InputError) as refused:
        main(file)
    assert "'datasets.imagenet_val'" in str(refused.value)
    assert "'datasets.broden'" in str(refused.value)


def test_text_from_outside_is_escaped(study, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("INTERPRETING_CLIP_FOLDERS", str(tmp_path / "\u200e"))
    file = Path(study(broden=BRODEN)).rename(tmp_path / "\x1b[31m\n\udcff")
    with pytest.raises(SystemExit):
        main(str(file))
    said = capsys.readouterr().out
    assert r"/\x1b[31m\n\udcff: encoders 4" in said and r"/\u200e/broden1: missing" in said
    assert all(line.isprintable() for line in said.split("\n"))


def test_a_name_of_a_source_is_escaped():
    assert r"a\u2028b  x" in table([{"from": "a\u2028b", "state": None, "what": "x"}])


def test_a_wrong_command_line_is_one_line(capsys):
    with pytest.raises(SystemExit) as ended:
        main(str(NANO), "--what\x1b[31m\n")
    said = capsys.readouterr().err
    assert ended.value.code == 2 and said.isascii() and said.count("\n") == 1
    assert r"--what\x1b[31m\n" in said and "--help" in said


@pytest.mark.parametrize("option", ["--rate", "--gpu-memory"])
@pytest.mark.parametrize("value", ["0", "-1", "inf", "nan", "fast"])
def test_refuses_a_number_that_is_none(option, value, capsys):
    with pytest.raises(SystemExit) as ended:
        main(str(NANO), f"{option}={value}")
    assert ended.value.code == 2
    assert option in capsys.readouterr().err


def test_names_of_weights_stand_to_the_left():
    text = table([{"weights": "a"}, {"weights": "longer"}])
    assert text.splitlines()[2].startswith("a")


def test_amounts_stand_to_the_right():
    drawn = table([{"what": "a", "bytes": Amount(1000)}, {"what": "b", "bytes": UNKNOWN}])
    assert [line[-6:] for line in drawn.splitlines()[2:]] == ["1.0 kB", "     ?"]
