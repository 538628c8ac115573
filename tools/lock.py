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
    before = named_versions(file)
    now = {name: version(name).partition("+")[0] for name in before}
    others = [name for name in before if before[name] != now[name]]
    if not others:
        return ""
    text = file.read_text()
    for name in others:
        text = text.replace(f"\n{name}: {before[name]}\n", f"\n{name}: {now[name]}\n")
    write_whole(file, text.encode())
    moved = ", ".join(f"{name} {before[name]} -> {now[name]}" for name in others)
    earlier = " ".join(f"{name}=={before[name]}" for name in others)
    return (
        f"{file}: {moved}. `dvc repro` computes again what another version computed. To use that "
        f"as it is: .venv/bin/pip install {earlier} && git checkout {file}\n"
    )


if __name__ == "__main__":
    launch(main)
