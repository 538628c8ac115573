"""Stage `methods`: how every stage of many instances computes, in one small file each.

A stage that runs once per encoder would repeat its code files and its settings in dvc.lock for
every encoder. DVC rewrites that file after each stage and parses params.yaml anew for each instance
that names a parameter, which takes minutes of a run. So both stand once, here: each instance
depends on the file that this writes for its stage, which changes when the settings do or when any
code that the stage can import does something else. A reworded comment leaves it as it is.
"""

from pathlib import Path

from stages.storage.code import code_digest, import_closure
from stages.storage.launch import launch
from stages.storage.params import METHODS, Params
from stages.storage.results import write_json

SETTINGS = {
    "fetch": (),
    "weights": (),
    "pretrain": (),
    "finetune": (),
    "supervise": (),
    "extract": ("threads",),
    "extract_broden": ("threads",),
    "extract_layers": ("threads", "layers"),
    "robustness": ("robustness",),
    "kurtosis": ("kurtosis",),
    "directions": ("directions",),
    "broden": ("concepts",),
    "cka": (),
    "summarize": (),
    "summarize_cka": (),
}
"""The stages of many instances, and the sections of params.yaml that all instances share."""

EXACT = 17
"""Decimal places: settings are not rounded as results are."""


def main() -> None:
    """Write each stage's settings, and the digest of every file that it can import."""
    params, root = Params(), Path.cwd()
    closures = {stage: import_closure(stage, root) for stage in SETTINGS}
    digests = {file: code_digest(root / file) for file in set().union(*closures.values())}
    for stage, sections in SETTINGS.items():
        settings = {section: params.read(section, dict) for section in sections}
        code = {file: digests[file] for file in closures[stage]}
        write_json(METHODS / f"{stage}.json", {"code": code, **settings}, digits=EXACT)


if __name__ == "__main__":
    launch(main)
