"""Stages `code_<stage>`: one small file that changes when a stage's code does.

A stage that runs once per encoder would repeat its list of code files in dvc.lock for every
encoder, and DVC rewrites that file after each stage. So the list stands once, here, and the stage
depends on this fingerprint of it, which a reworded comment leaves as it is.
"""

from pathlib import Path

from stages.storage.code import code_digest, import_closure
from stages.storage.launch import launch
from stages.storage.results import write_json


def main(stage: str) -> None:
    """Write the digest of every file that `stage` can import."""
    root = Path.cwd()
    digests = {file: code_digest(root / file) for file in import_closure(stage, root)}
    write_json(Path("data/code") / f"{stage}.json", digests)


if __name__ == "__main__":
    launch(main)
