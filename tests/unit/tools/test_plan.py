import json
from pathlib import Path

import msgspec
import pytest
import yaml

from interpreting_clip.errors import InputError
from interpreting_clip.formats.json import write_json
from runner.machine import Machine
from tests.pipeline.workspace import NANO
from tools import plan as plan_module
from tools import sources
from tools.amounts import UNKNOWN, Amount, about
from tools.plan import as_text, main, make_plan, table, total_download
from tools.rates import ASSUMED, CARDS, RATES, assumed_rates, equal_rates
from tools.sources import Answer, Source

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

    monkeypatch.setattr(sources, "ask", answer)
    return lambda offline: make_plan(remote, Machine(), offline=offline)


def rows(plan, name="datasets", column="dataset"):
    return {row[column]: row for row in plan[name]}


def test_a_drawn_study_needs_nothing_from_elsewhere(capsys):
    main(str(NANO))
    said = capsys.readouterr().out
    assert said.startswith(f"The nano study, {NANO}: encoders 3, datasets 9, comparisons 1\n")
    assert said.endswith("Nothing comes from elsewhere.\n")
    for title in ("Datasets", "Encoders", "Trainings", "Memory of a GPU", "Compute", "Disk"):
        assert f"\n{title}" in said


def line(said: str, start: str) -> str:
    """Return the line of a plan that begins so."""
    (found,) = [line for line in said.splitlines() if line.startswith(start)]
    return found


def test_what_nobody_measured_is_said_to_be_assumed_or_computed(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # where nothing was measured
    main(str(NANO))
    said = capsys.readouterr().out
    assert "of a CPU 0.2 (assumed)" in line(said, "Compute")
    assert "float32 vit 40" in line(said, "Compute") and "(assumed" in line(said, "Compute")
    assert line(said, "Memory of a GPU").endswith("computed")


@pytest.fixture
def measured(tmp_path):
    """Return a file of rates as `make bench ONLY=gpu` writes them."""
    origin = "measured on a GPU,\x1b[31m torch 2.13.0"
    file = tmp_path / "benchmarks/gpu.json"
    rates = {**dict.fromkeys(RATES, 7.0), "bfloat16_vit": 123.4}
    write_json(file, {**rates, "origin": origin, "memory": [0.97, 1.02]})
    return file


def test_measured_rates_are_taken_from_where_the_benchmark_leaves_them(
    capsys, monkeypatch, tmp_path, measured
):
    monkeypatch.chdir(tmp_path)
    main(str(NANO))
    said = capsys.readouterr().out
    assert (
        r"bfloat16 vit 123.4, bfloat16 resnet 7 (measured on a GPU,\x1b[31m torch 2.13.0)" in said
    )
    assert "0.97 to 1.02" in line(said, "Memory of a GPU")
    main(str(NANO), "--tflops=3", "--cpu-tflops=0.3")
    said = capsys.readouterr().out
    assert "(assumed" not in said and "resnet 3 (given)" in line(said, "Compute")
    main(str(NANO), f"--rates={measured}", "--json")
    assert json.loads(capsys.readouterr().out)["rates"]["gpu"]["bfloat16_vit"] == 123.4


def test_rates_that_are_none_are_refused(measured):
    write_json(measured, {**dict.fromkeys(RATES, 0), "origin": "me"})
    with pytest.raises(InputError, match=r"gpu\.json.*float32_vit"):
        main(str(NANO), f"--rates={measured}")
    with pytest.raises(InputError, match=r"none\.json"):
        main(str(NANO), "--rates=none.json")


def test_what_does_not_fit_the_gpu_is_refused(capsys, monkeypatch):
    main(str(NANO), "--gpu-memory=80")
    assert "Do not fit" not in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        main(str(NANO), "--gpu-memory=1.6")
    said = capsys.readouterr().out
    assert ended.value.code == 1
    assert line(said, "Do not fit 20.0 MB of the GPU's 1.6 GB")
    assert "`pieces: " in line(said, "  rn_web_broad: ")
    assert said.endswith("Nothing comes from elsewhere.\n")
    monkeypatch.setattr(plan_module, "device_memory", lambda machine: 1.6e9)
    with pytest.raises(SystemExit):
        main(str(NANO), "--json")
    assert "rn_web_broad" in json.loads(capsys.readouterr().out)["too_large"]


def test_json_holds_the_amounts_of_the_tables(capsys):
    main(str(NANO), "--json")
    plan = json.loads(capsys.readouterr().out)
    assert plan["unreachable"] == {} and plan["unasked"] == plan["sources"] == 0
    exact = {"exact": True, "complete": True}
    assert rows(plan)["broden"]["images"] == {"value": 600, **exact}
    work = {(item["stage"], item["encoder"]): item for item in plan["work"]}
    assert work["extract_shifts", "rn_untrained"]["forward_passes"] == {"value": 750, **exact}
    assert not rows(plan, "compute", "stage")["pretrain"]["gpu_hours"]["exact"]


def test_hours_follow_from_the_throughput(nano):
    hours = [
        make_plan(nano, Machine(), offline=True, rates=rates)["compute"][-1]["gpu_hours"].value
        for rates in (equal_rates(1), equal_rates(10))
    ]
    assert hours[0] == pytest.approx(10 * hours[1])


def test_hours_are_those_of_the_precision_and_the_family(nano):
    hours = {}
    for name in RATES:
        rates = msgspec.structs.replace(ASSUMED, **{name: 1e-3})
        rows = make_plan(nano, Machine(), offline=True, rates=rates)["compute"]
        hours[name] = {row["stage"]: row["gpu_hours"].value for row in rows}
    slow = hours.pop("float32_resnet")  # all that the nano study has
    for other in hours.values():
        assert all(other[stage] < slow[stage] for stage in slow)


def test_the_rates_of_a_card_are_shares_of_its_peaks_and_assumed(capsys):
    main(str(NANO), "--card=a100")
    said = line(capsys.readouterr().out, "Compute")
    assert "float32 vit 11.7," in said and "assumed" in said and "A100" in said
    for card, peaks in CARDS.items():
        rates = assumed_rates(card)
        assert all(getattr(rates, name) < getattr(peaks, name.split("_")[0]) for name in RATES)
    assert all(
        getattr(assumed_rates("a100"), name) < getattr(assumed_rates("h100"), name)
        for name in RATES
    )


def test_another_precision_is_that_of_all_trainings(capsys):
    hours = []
    for options in ([], ["--precision=bfloat16"]):
        main(str(NANO), "--json", "--card=h100", *options)
        rows_ = rows(json.loads(capsys.readouterr().out), "compute", "stage")
        hours.append({stage: row["gpu_hours"]["value"] for stage, row in rows_.items()})
    ratio = ASSUMED.bfloat16_resnet / ASSUMED.float32_resnet
    assert hours[0]["pretrain"] == pytest.approx(ratio * hours[1]["pretrain"])
    assert hours[0]["extract"] == hours[1]["extract"]


def test_hours_on_several_gpus(nano, capsys):
    main(str(NANO), "--gpus=1,2,64", "--json")
    plan = json.loads(capsys.readouterr().out)
    one, two, many = plan["schedule"]
    work = rows(plan, "compute", "stage")["all"]["gpu_hours"]["value"]
    assert one["hours"]["value"] == pytest.approx(work)
    assert one["busy"]["value"] == pytest.approx(1)
    assert work / 2 <= two["hours"]["value"] < work
    assert many["hours"] == many["longest_path"] and not many["hours"]["exact"]
    assert 1 < many["no_gain_beyond"]["value"] < 64
    stages = many["through"].split(", ")
    hours = {
        f"{item['stage']}@{item['encoder']}": item["operations"]["value"] for item in plan["work"]
    }
    rate = ASSUMED.float32_resnet * 1e12 * 3600
    path = sum(hours[name] for name in stages) / rate
    assert path == pytest.approx(many["hours"]["value"])
    main(str(NANO), "--gpus=2")
    said = capsys.readouterr().out
    assert stages[0] in line(said, "     2")
    assert "Hours on several GPUs" not in as_text(
        make_plan(nano, Machine(), offline=True), ASSUMED, 0.2
    )


def test_a_training_takes_as_many_gpus_as_share_its_pieces(nano):
    recipes = {key: msgspec.structs.replace(r, pieces=2) for key, r in nano.recipes.items()}
    study = msgspec.structs.replace(nano, recipes=recipes)

    def row(processes: int, gpus: int):
        machine = Machine(processes=processes)
        plan = make_plan(study, machine, offline=True, gpus=[gpus])["schedule"][0]
        return plan["hours"].value, plan["longest_path"].value

    (_, longest), (hours, shorter) = row(1, 64), row(2, 64)
    assert hours == shorter and longest / 2 < shorter < longest
    assert row(2, 1)[1] == row(3, 64)[1] == longest


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
    a, b, c = (Source("url", f"http://host/{name}") for name in "abc")
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
    assert "Cannot be reached, 1 of 1 sources:" in said and str(tmp_path / "broden1") in said
    (tmp_path / "broden1/images").mkdir(parents=True)
    main(study(broden=BRODEN))
    said = capsys.readouterr().out
    assert "Every source can be reached: 1 of 1." in said and "63,305" in said


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
    assert r"/\x1b[31m\n\udcff: encoders 3" in said and r"/\u200e/broden1: not there" in said
    assert all(line.isprintable() for line in said.split("\n"))


def test_a_name_of_a_source_is_escaped():
    assert r"a\u2028b  x" in table([{"from": "a\u2028b", "state": None, "what": "x"}])


def test_a_wrong_command_line_is_one_line(capsys):
    with pytest.raises(SystemExit) as ended:
        main(str(NANO), "--what\x1b[31m\n")
    said = capsys.readouterr().err
    assert ended.value.code == 2 and said.isascii() and said.count("\n") == 1
    assert r"--what\x1b[31m\n" in said and "--help" in said


@pytest.mark.parametrize("option", ["--tflops", "--gpu-memory"])
@pytest.mark.parametrize("value", ["0", "-1", "inf", "nan", "fast"])
def test_refuses_a_number_that_is_none(option, value, capsys):
    with pytest.raises(SystemExit) as ended:
        main(str(NANO), f"{option}={value}")
    assert ended.value.code == 2
    assert option in capsys.readouterr().err


@pytest.mark.parametrize("value", ["0", "1,0", "-1", "1.5", "many", "1,,2", "100000"])
def test_refuses_numbers_of_gpus_that_are_none(value, capsys):
    with pytest.raises(SystemExit) as ended:
        main(str(NANO), f"--gpus={value}")
    assert ended.value.code == 2
    assert "--gpus" in capsys.readouterr().err


def test_names_of_weights_stand_to_the_left():
    text = table([{"weights": "a"}, {"weights": "longer"}])
    assert text.splitlines()[2].startswith("a")


def test_amounts_stand_to_the_right():
    drawn = table([{"what": "a", "bytes": Amount(1000)}, {"what": "b", "bytes": UNKNOWN}])
    assert [line[-6:] for line in drawn.splitlines()[2:]] == ["1.0 kB", "     ?"]
