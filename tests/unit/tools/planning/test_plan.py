"""The command, end to end."""

import json
import re

import pytest
import yaml

from stages.runtime.errors import InputError
from tests.integration.downloads.loopback import HubServer
from tests.pipeline.workspace import NANO
from tools.plan import main

BRODEN = {"kind": "broden", "source": "folder", "folder": "broden1"}


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


def test_a_drawn_study_needs_nothing_from_elsewhere(capsys):
    main(str(NANO))
    said = capsys.readouterr().out
    assert said.startswith(f"The nano study, {NANO}: encoders 3, datasets 9, comparisons 1\n")
    assert said.endswith("Nothing comes from elsewhere.\n")
    for title in ("Datasets", "Encoders", "Trainings", "Compute, at 40 TFLOP/s", "Disk"):
        assert f"\n{title}" in said


def test_the_record_holds_the_amounts_of_the_page(capsys):
    main(str(NANO), "--json")
    record = json.loads(capsys.readouterr().out)
    assert record["unreachable"] == {} and record["unasked"] == 0
    exact = {"estimate": False, "complete": True}
    assert record["datasets"]["broden"]["images"] == {"value": 600, **exact}
    work = {(item["stage"], item["encoder"]): item for item in record["compute"]}
    assert work["extract", "rn_untrained"]["passes"] == {"value": 200, **exact}
    assert work["extract_shifts", "rn_untrained"]["passes"] == {"value": 750, **exact}
    assert work["pretrain", "rn_web_broad"]["gpu_hours"]["estimate"]


def test_hours_follow_from_the_throughput(capsys):
    hours = []
    for option in ("--tflops=1", "--tflops=10"):
        main(str(NANO), "--json", option)
        record = json.loads(capsys.readouterr().out)
        hours.append(sum(item["gpu_hours"]["value"] for item in record["compute"]))
    assert hours[0] == pytest.approx(10 * hours[1])


def test_ends_with_1_and_names_what_cannot_be_reached(study, capsys, tmp_path):
    with pytest.raises(SystemExit) as ended:
        main(study(broden=BRODEN))
    said = capsys.readouterr().out
    assert ended.value.code == 1
    assert "Cannot be reached, 1 of 1 sources:" in said and str(tmp_path / "broden1") in said


def test_ends_well_once_the_folder_is_there(study, capsys, tmp_path):
    (tmp_path / "broden1/images").mkdir(parents=True)
    main(study(broden=BRODEN))
    said = capsys.readouterr().out
    assert "Every source can be reached: 1 of 1." in said
    assert "63,305" in said


def test_prints_the_commit_to_pin(study, capsys, monkeypatch):
    with HubServer() as hub:
        hub.use(monkeypatch)
        commit = hub.add("owner/web", {"train/0.tar": b"0" * 5000})
        place = {"repository": "owner/web", "revision": "main", "files": "train/*.tar"}
        main(study(web_broad={"kind": "captions", "source": "hub", "hub": place}))
    said = capsys.readouterr().out
    assert re.search(rf"\ndataset owner/web +main +{commit}\n", said)
    assert re.search(r"\nweb_broad +captions +owner/web +\? +5.0 kB +~5.0 kB +reached\n", said)


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
