import json

import pytest
import yaml

from stages.config.machine import Machine
from stages.runtime.errors import InputError
from tests.pipeline.workspace import NANO
from tools import sources
from tools.amounts import UNKNOWN, Amount, about
from tools.plan import main, make_plan, table, total_download
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
    for title in ("Datasets", "Encoders", "Trainings", "Compute, at 40 TFLOP/s", "Disk"):
        assert f"\n{title}" in said


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
        make_plan(nano, Machine(), offline=True, gpu=speed)["compute"][-1]["gpu_hours"].value
        for speed in (1, 10)
    ]
    assert hours[0] == pytest.approx(10 * hours[1])


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


@pytest.mark.parametrize("value", ["0", "-1", "inf", "nan", "fast"])
def test_refuses_a_throughput_that_is_none(value, capsys):
    with pytest.raises(SystemExit) as ended:
        main(str(NANO), f"--tflops={value}")
    assert ended.value.code == 2
    assert "--tflops" in capsys.readouterr().err


def test_amounts_stand_to_the_right():
    drawn = table([{"what": "a", "bytes": Amount(1000)}, {"what": "b", "bytes": UNKNOWN}])
    assert [line[-6:] for line in drawn.splitlines()[2:]] == ["1.0 kB", "     ?"]
