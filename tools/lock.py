"""Record which torch and torchvision pip chose; `make install` runs it.

Which release and build fit depends on the machine, so constraints.txt leaves them open; results
that torch computes are filed under the release in versions.yaml.
"""

import sys
from importlib.metadata import version

from interpreting_clip.formats.json import write_whole
from runner.fingerprint import RECORDED, named_versions


def main() -> None:
    """Update versions.yaml if another release is installed, and say so."""
    text, moved, earlier = RECORDED.read_text(), "", ""
    for name, before in named_versions(RECORDED).items():
        if (now := version(name).partition("+")[0]) != before:
            text = text.replace(f"\n{name}: {before}\n", f"\n{name}: {now}\n")
            moved += f" {name} {before} -> {now}."
            earlier += f" {name}=={before}"
    if moved:
        write_whole(RECORDED, text.encode())
        sys.stdout.write(
            f"{RECORDED}:{moved} `dvc repro` computes again what another version computed. To use "
            f"that as it is: .venv/bin/pip install{earlier} && git checkout {RECORDED}\n"
        )
