import json, os, shutil
from pathlib import Path
import numpy as np, pytest
from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.datasets.card import write_absent
from interpreting_clip.formats.json import read_json, write_json
from interpreting_clip.formats.saved_activations import write_card
from interpreting_clip.formats.results import write_result
from interpreting_clip.measures.pruning import Pruning
from tests.reads import run_stage, folder_digests
from tests.integration.stages.test_robustness_stage import pruned, change_baseline  # noqa
from tests.integration.stages.two_encoders import FEATURES, OWN_SHIFTS
from tests.integration.stages.test_given_activations import give, run_all, NAMES, DATASETS
from tests.integration.stages.conftest import merge_a_class
from tests.pipeline.refusals import change

OUT = Path(os.environ["CASES"])


def keep(name, *folders):
    found = {
        f: folder_digests(Path(f)) if Path(f).is_dir() else Path(f).read_text() for f in folders
    }
    OUT.mkdir(exist_ok=True)
    (OUT / f"{name}.json").write_text(json.dumps(found, indent=1, sort_keys=True))
    for f in folders:
        if Path(f).is_dir():
            shutil.copytree(f, OUT / name / f, dirs_exist_ok=True)


R = "data/robustness/first"


def test_a(pruned):
    run_stage("robustness", "first")
    keep("plain", R)
    shifts = [*TESTBED_SHIFTS, *OWN_SHIFTS]
    write_card(Path("data/activations/first"), "rectified", FEATURES, shifts)
    run_stage("robustness", "first")
    keep("own", R)
    change_baseline(classes={"imagenet_r": [1, 2, 3]})
    run_stage("robustness", "first")
    keep("classes", R)
    missing = ["imagenet_r", "imagenet_a"]
    shifts = [shift for shift in TESTBED_SHIFTS if shift not in missing]
    write_card(Path("data/activations/first"), "rectified", FEATURES, shifts, [*missing, "alone"])
    run_stage("robustness", "first")
    keep("lacking", R)
    base = read_json(Path("data/baseline/baseline.json"))
    del base["lines"]["objectnet"]
    write_json(Path("data/baseline/baseline.json"), base)
    run_stage("robustness", "first")
    keep("chance", R)


def test_b(tiny):
    for folder in ("data/broden_labels", "data/broden_activations/first"):
        shutil.copytree(folder, "keep")
        shutil.rmtree(folder)
        write_absent("broden", Path(folder))
        run_stage("directions", "first") if not Path("data/directions/first").exists() else None
        run_stage("broden", "first")
        keep("broden" + folder.replace("/", "_"), "data/concepts/first")
        shutil.rmtree(folder)
        shutil.move("keep", folder)


@pytest.mark.usefixtures("one_shift")
def test_c():
    give("imagenet_val", head_kind="random")
    run_all("weights", "extract", "extract_broden", "extract_layers", "head")
    F = [
        f"data/{x}/mine"
        for x in ("weights", "activations", "broden_activations", "layer_grams", "heads")
    ]
    keep("given_one", *F)
    merge_a_class("imagenet_v2")
    give(*NAMES, head_kind="random")
    run_all("weights", "extract", "extract_broden", "head")
    keep("given_all", *F)


@pytest.mark.usefixtures("one_shift", "encoders")
def test_d():
    shutil.rmtree("data/datasets/broden")
    write_absent("broden", Path("data/datasets/broden"))
    run_stage("broden_labels")
    run_stage("thumbnails")
    run_stage("extract", "clip")
    run_stage("extract_broden", "clip")
    change(datasets={"broden": {"kind": "absent", "source": "none"}}, sources={"none": {}})
    shutil.rmtree("data/datasets/broden")
    run_stage("fetch", "broden")
    keep(
        "no_broden",
        "data/broden_labels",
        "data/thumbnails",
        "data/activations/clip",
        "data/broden_activations/clip",
        "data/datasets/broden",
    )
