"""Stage `methods`: how every other stage computes, in one small file each.

A stage that runs once per encoder would repeat its code files and its settings in dvc.lock for
every encoder. DVC writes that file anew after each stage and parses params.yaml anew for each
instance that names a parameter, which takes minutes of a run. So both stand once, here: a stage
depends on the file that this writes for it, which changes when its settings do or when any code
that it can import does something else. A reworded comment leaves it as it is.
"""

from pathlib import Path

from stages.storage.code import code_digest, import_closure
from stages.storage.launch import launch
from stages.storage.params import METHODS, Params
from stages.storage.results import write_json

SETTINGS = {
    "study": (),
    "fetch": (),
    "weights": (),
    "pretrain": (),
    "finetune": (),
    "supervise": (),
    "extract": ("threads",),
    "extract_broden": ("threads",),
    "extract_layers": ("threads", "layers"),
    "baseline": (),
    "robustness": ("robustness",),
    "kurtosis": ("kurtosis",),
    "directions": ("directions",),
    "broden_labels": (),
    "broden": ("concepts",),
    "cka": (),
    "summarize": (),
    "summarize_cka": (),
    "published": (),
    "report": (),
}
"""Every other stage, with the sections of params.yaml that all its instances share."""

HEADS = ("zero_shot", "trained", "random")
"""The kinds of head: an instance of `extract` depends on the settings of its own kind alone."""

EXACT = 17
"""Decimal places: settings are not rounded as results are."""


def main() -> None:
    """Write each stage's settings and the digests of its code, and each kind of head's settings."""
    params, root = Params(), Path.cwd()
    closures = {stage: import_closure(stage, root) for stage in SETTINGS}
    digests = {file: code_digest(root / file) for file in set().union(*closures.values())}
    for stage, sections in SETTINGS.items():
        settings = {section: params.read(section, dict) for section in sections}
        code = {file: digests[file] for file in closures[stage]}
        write_json(METHODS / f"{stage}.json", {"code": code, **settings}, digits=EXACT)
    for kind in HEADS:
        settings = params.read(f"heads.{kind}", dict)
        write_json(METHODS / f"{kind}_head.json", {"kind": kind, "settings": settings}, EXACT)


if __name__ == "__main__":
    launch(main)
