"""Stage `methods`: how every other stage computes, in one small file each.

A stage that runs once per encoder would repeat its code files and its settings in dvc.lock for
every encoder. DVC writes that file anew after each stage and parses params.yaml anew for each
instance that names a parameter, which takes minutes of a run. So both stand once, here: a stage
depends on the file that this writes for it, which changes when its settings do or when any code
that it can import does something else, or when another version of a package that computes for this
code is locked. A reworded comment leaves it as it is.
"""

from collections.abc import Callable, Collection
from functools import cache
from pathlib import Path

from msgspec import to_builtins

from stages.settings.concepts import ConceptsSettings
from stages.settings.directions import DirectionsSettings
from stages.settings.heads import Heads
from stages.settings.kurtosis import KurtosisSettings
from stages.settings.layers import Layers
from stages.settings.precision import Precision
from stages.settings.robustness import RobustnessSettings
from stages.settings.threads import Threads
from stages.storage.code import code_digest, import_closure, imported_packages
from stages.storage.installed import METHODS
from stages.storage.launch import launch
from stages.storage.packages import computing_packages, locked_versions
from stages.storage.params import Params
from stages.storage.results import write_json

SETTINGS: dict[str, dict[str, type]] = {
    "study": {},
    "fetch": {},
    "weights": {},
    "pretrain": {},
    "finetune": {},
    "supervise": {},
    "interpolate": {"threads": Threads},
    "extract": {"threads": Threads, "precision": Precision},
    "extract_broden": {"threads": Threads, "precision": Precision},
    "extract_layers": {"threads": Threads, "precision": Precision, "layers": Layers},
    "baseline": {},
    "robustness": {"robustness": RobustnessSettings},
    "kurtosis": {"kurtosis": KurtosisSettings},
    "directions": {"directions": DirectionsSettings},
    "broden_labels": {},
    "broden": {"concepts": ConceptsSettings},
    "cka": {},
    "summarize": {},
    "summarize_cka": {},
    "published": {},
    "report": {},
}
"""Every other stage, with the sections of params.yaml that all its instances share, and types."""

EXACT = 17
"""Decimal places: settings are not rounded as results are."""


DRAWING, READING = "stages/datasets/world_source.py", "stages/datasets/fetching.py"
SOURCES = {"world": DRAWING, "hub": READING, "archive": READING, "folder": READING, "none": None}
"""The sources of datasets, and which module `fetch` imports for each alone."""

COMPUTES_NOTHING = ("study",)
"""Stages whose output is always the same: no package decides it."""


def main() -> None:
    """Write each stage's settings, its code's digests and its packages' versions.

    An instance of `extract` depends on the settings of its own kind of head alone, and one of
    `fetch` on the code for its own source: another torch, which draws worlds, reads no ImageNet.
    """
    params, root, digest = Params(), Path.cwd(), cache(code_digest)
    methods: dict[str, dict] = {}
    for stage in SETTINGS.keys() - {"fetch"}:
        settings = {
            name: to_builtins(params.read(name, kind)) for name, kind in SETTINGS[stage].items()
        }
        methods[stage] = {**code_and_packages(stage, root, digest), **settings}
    for source, own in SOURCES.items():
        others = {DRAWING, READING} - {own}
        methods[f"fetch_{source}"] = code_and_packages("fetch", root, digest, others)
    for kind, settings in to_builtins(params.read("heads", Heads)).items():
        methods[f"{kind}_head"] = {"kind": kind, "settings": settings}
    for name, method in methods.items():
        write_json(METHODS / f"{name}.json", method, digits=EXACT)


def code_and_packages(
    stage: str, root: Path, digest: Callable[[Path], str], without: Collection[str] = ()
) -> dict[str, dict[str, str]]:
    """Return the digest of each file of a stage's code, the version of each package in use there.

    Nothing that only the files `without` import counts.

    Raises
    ------
    InputError
        No version of a package is locked.
    """
    code = import_closure(stage, root, frozenset(without))
    modules = imported_packages(root / file for file in code)
    packages = set() if stage in COMPUTES_NOTHING else computing_packages(modules)
    return {
        "code": {file: digest(root / file) for file in code},
        "packages": locked_versions(packages),
    }


if __name__ == "__main__":
    launch(main)
