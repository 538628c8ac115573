"""An edit of any module makes stale what its package can reach, and no more."""

import shutil
from pathlib import Path
from random import Random

import pytest

from runner.fingerprint import fingerprints
from tests.reads import ROOT
from tests.stress.conftest import LONG

FETCH = {f"fetch_{source}" for source in ("world", "hub", "archive", "folder", "none", "shifts")}
ARRAYS = {"arrays", "fetch_arrays"}
HEADS = {"head_zero_shot", "head_trained", "head_random"}
EXTRACT = {"extract", "extract_broden", "extract_layers", "extract_untrained", "extract_train"}
TRAIN = {"pretrain", "finetune", "supervise"}
ENCODERS = TRAIN | EXTRACT | HEADS | {"weights", "interpolate", "probe"}
PAGE = {"report", "published_page", "browse"}
MEASURE = {
    *("baseline", "robustness", "kurtosis", "directions", "broden", "cka", "controls"),
    *("arrays", "published", "summarize", "untrained"),
}
LABELS = {"broden_labels", "thumbnails"}
ALL = FETCH | ENCODERS | MEASURE | ARRAYS | LABELS | PAGE | {"study", "summarize_baseline"}

REACHED = {
    "runner": set(),
    "tools": set(),
    "page": PAGE,
    "stages": ALL,
    "interpreting_clip.study": {"arrays", "cka", "report", "study", "summarize"},
    "interpreting_clip.training": TRAIN | {"baseline", "probe"},
    "interpreting_clip.controls": {"controls", "study"},
    "interpreting_clip.published": {"published", "published_page"},
    "interpreting_clip.charts": PAGE,
    "interpreting_clip.encoders": ENCODERS,
    "interpreting_clip.loading": ENCODERS,
    "interpreting_clip.synthetic": {"fetch_world", "fetch_shifts"},
    "interpreting_clip.datasets": ALL
    - {"cka", "kurtosis", "robustness", "directions", "published_page"},
    "interpreting_clip.downloads": ALL - MEASURE - HEADS | {"baseline"},
    "interpreting_clip.formats": ALL,
    "interpreting_clip.config": ALL - LABELS - {"broden"},
    "interpreting_clip.measures": MEASURE
    | HEADS
    | EXTRACT
    | PAGE
    | {"probe", "study", "summarize_baseline"},
    "interpreting_clip": ALL,
}
"""By package, the stages that an edit of one of its modules may make stale."""

NOTHING = {
    *("stages/__main__.py", "stages/code.py"),
    *(
        f"interpreting_clip/{name}.py"
        for name in ("__init__", "__main__", "command", "readable", "report")
    ),
    *(
        f"interpreting_clip/{name}.py"
        for name in ("extract_command", "extraction", "image_folder", "named_encoder")
    ),
    *("interpreting_clip/config/params.py", "interpreting_clip/config/syntax.py"),
    *("interpreting_clip/errors.py", "interpreting_clip/urls.py", "page/plot_templates.py"),
}
"""Modules that are in no fingerprint, in packages that are."""

MODULES = sorted(
    file.relative_to(ROOT).as_posix()
    for folder in ("interpreting_clip", "page", "runner", "stages", "tools")
    for file in (ROOT / folder).rglob("*.py")
    if file.stat().st_size
)
EDITED = MODULES if LONG else Random(0).sample(MODULES, 20)


def package(module: str) -> str:
    return ".".join(module.split("/")[:-1][:2])


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("edits")
    for name in ("interpreting_clip", "page", "runner", "stages", "tools", "data/reference"):
        shutil.copytree(ROOT / name, folder / name)
    for name in ("constraints.txt", "versions.yaml"):
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture(scope="module")
def before(tree: Path) -> dict[str, str]:
    return fingerprints(tree)


def test_the_table_has_every_package():
    assert {package(module) for module in MODULES} == REACHED.keys()


@pytest.mark.parametrize("module", EDITED)
def test_an_edit_reaches_what_its_package_reaches(tree, before, module):
    text = (tree / module).read_text()
    (tree / module).write_text(f"{text}\nEDITED = True\n")
    after = fingerprints(tree)
    (tree / module).write_text(text)
    changed = {name for name, value in before.items() if after[name] != value}
    assert changed <= REACHED[package(module)]
    assert bool(changed) == (module not in NOTHING and bool(REACHED[package(module)]))
