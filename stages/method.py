"""Stages `method_<stage>`: how all instances of a stage compute, in one small file.

A stage that runs once per encoder would repeat its code files and its settings in dvc.lock for
every encoder. DVC rewrites that file after each stage and parses params.yaml anew for each instance
that names a parameter. So both stand once, here, and the instances depend on what this writes. It
changes with the settings and with what the code does; a reworded comment leaves it as it is.
"""

from pathlib import Path

from stages.storage.code import code_digest, import_closure
from stages.storage.launch import launch
from stages.storage.params import METHODS, Params
from stages.storage.results import write_json

SETTINGS = {
    "extract": ("threads",),
    "extract_broden": ("threads",),
    "extract_layers": ("threads", "layers"),
    "robustness": ("robustness",),
    "kurtosis": ("kurtosis",),
    "directions": ("directions",),
    "broden": ("concepts",),
}
"""The sections of params.yaml that hold for all instances of a stage."""

EXACT = 17
"""Decimal places: settings are not rounded as results are."""


def main(stage: str) -> None:
    """Write the digest of every file that `stage` can import, and its settings."""
    root = Path.cwd()
    code = {file: code_digest(root / file) for file in import_closure(stage, root)}
    params = Params() if stage in SETTINGS else None
    settings = {s: params.read(s, dict) for s in SETTINGS.get(stage, ()) if params}
    write_json(METHODS / f"{stage}.json", {"code": code, **settings}, digits=EXACT)


if __name__ == "__main__":
    launch(main)
