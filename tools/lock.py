"""Record which torch and torchvision pip chose: `python -m tools.lock`.

`make install` runs it. Which release and build fit depends on the machine, so constraints.txt
leaves them open; results that torch computes are filed under the release in versions.yaml.
"""

import sys
from importlib.metadata import version
from pathlib import Path

from interpreting_clip.formats.json import write_whole
from runner.fingerprint import RECORDED, named_versions
from runner.process import launch


def main() -> None:
    """Update versions.yaml if another release is installed, and say so."""
    sys.stdout.write(recorded(RECORDED))


def recorded(file: Path) -> str:
    """Write the installed version of each package that a file names, and return what changed."""
    text, moved, earlier = file.read_text(), "", ""
    for name, before in named_versions(file).items():
        if (now := version(name).partition("+")[0]) != before:
            text = text.replace(f"\n{name}: {before}\n", f"\n{name}: {now}\n")
            moved += f" {name} {before} -> {now}."
            earlier += f" {name}=={before}"
    if not moved:
        return ""
    write_whole(file, text.encode())
    return (
        f"{file}:{moved} `dvc repro` computes again what another version computed. To use that as "
        f"it is: .venv/bin/pip install{earlier} && git checkout {file}\n"
    )


if __name__ == "__main__":
    launch(main)
