"""`make accept`: measure a published encoder on real images, and compare with what is published.

    python -m tools.accept

Runs `studies/acceptance.yaml` in a clone of the last commit, `.scratch/accept`, so that the study,
results and dvc.lock here stay as they are. A second run continues there: what has been computed
stays, also after new commits that do not change how it is computed. Prints lines to post in an
issue. Exits 0 if the results agree with the published ones, 1 if they differ or the run stopped.
"""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from interpreting_clip.config.params import PARAMS
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.datasets.card import DatasetCard, read_card
from interpreting_clip.errors import InputError, one_line
from interpreting_clip.formats.files import file_digest
from interpreting_clip.formats.json import read_json
from interpreting_clip.published.sources import read_published
from runner.fingerprint import RECORDED
from runner.launcher import SETTINGS
from runner.machine_settings import PREFIX, Machine, read_machine
from runner.process import launch
from runner.run import SECONDS
from tools.cache import locked_stages
from tools.options import Options
from tools.outcome import commit, processor

STUDY, FOLDER = Path("studies/acceptance.yaml"), Path(".scratch/accept")

ENCODER, MODEL = "vit_b_32_openai", "ViT-B-32-quickgelu/openai"
"""The study's encoder, and its name among OpenCLIP's published models."""

SETS = {"imagenet": ("ImageNet", "imagenet_val"), "imagenet_v2": ("ImageNet-V2", "imagenet_v2")}
"""By the name of an accuracy, the set's name and its dataset."""

TOLERANCE = 0.3
"""How many points an accuracy may be from the published one.

Ours. Between versions of Pillow and torch, devices and precisions, the decisions on a few dozen of
50,000 images change. Wrong preprocessing, prompts or activations cost one to many points.
"""

EXTREME = 92
"""The feature that is extreme in OpenAI's published mean embedding of this encoder, from 0."""

PACKAGES = ("torch", "torchvision", "numpy", "pillow", "open-clip-torch", "timm", "dvc")

MADE = ("fetch@imagenet_val", "fetch@imagenet_v2", f"weights@{ENCODER}", f"head@{ENCODER}")
MADE += (f"extract@{ENCODER}", f"kurtosis@{ENCODER}")
"""The stages whose outputs' digests are printed."""

MARK = "```"
"""What encloses the lines to post, as text of fixed width."""


@dataclass(frozen=True)
class Finding:
    """One line of the outcome; `agrees` is None where nothing is compared."""

    name: str
    said: str
    agrees: bool | None = None


def main(*arguments: str) -> None:
    """Run the study and compare it with what is published."""
    Options(prog="python -m tools.accept", description=__doc__).parse_args(arguments)
    machine = read_machine()
    prepare(FOLDER)
    run(FOLDER, machine)
    found = outcome(FOLDER)
    lines = [*about(machine), *found, *made(FOLDER), verdict(found)]
    sys.stdout.write("\nTo tell us, post these lines in an issue of this repository:\n\n")
    sys.stdout.write("".join(f"{line}\n" for line in [MARK, *written(lines), MARK]))
    if not verdict(found).agrees:
        sys.exit(1)


def prepare(folder: Path) -> None:
    """Make or update the clone that the study runs in.

    Raises
    ------
    InputError
        This is no git repository with a commit, or git refuses.
    """
    here = git(Path(), "rev-parse", "HEAD")
    if not (folder / ".git").exists():
        say(f"Making a clone of the last commit in {folder}.")
        shutil.rmtree(folder, ignore_errors=True)
        partial = folder.with_name(f"{folder.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.parent.mkdir(parents=True, exist_ok=True)
        git(Path(), "clone", "--quiet", ".", str(partial))
        git(partial, "checkout", "--quiet", "--detach", here)
        partial.rename(folder)
    elif git(folder, "rev-parse", "HEAD") != here:
        say(f"Updating the clone in {folder} to the last commit.")
        git(folder, "fetch", "--quiet", str(Path.cwd()), "HEAD")
        # dvc.lock becomes the commit's; DVC's run cache has what was computed here.
        git(folder, "checkout", "--quiet", "--force", "--detach", here)
    if "with changes" in commit():
        say("Changes here that are not committed are not part of this run.")
    # The machine's settings, and the versions of torch that `make install` found, are not in git.
    shutil.copyfile(folder / STUDY, folder / PARAMS)
    for name in (RECORDED, SETTINGS):
        if name.is_file():
            shutil.copyfile(name, folder / name)


def run(folder: Path, machine: Machine) -> None:
    """Run the study in the clone; downloads are kept where those of this repository are.

    Raises
    ------
    InputError
        A stage failed; says how to continue.
    """
    places = {"DOWNLOADS": machine.downloads, "FOLDERS": machine.folders}
    settings = {f"{PREFIX}{name}": str(Path(place).absolute()) for name, place in places.items()}
    # The clone has no environment of its own: stages run with the Python that runs this.
    settings["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for command in ("stages study", "tools.fast_dvc repro"):
        words = [sys.executable, "-m", *command.split()]
        sys.stdout.flush()
        if subprocess.run(words, cwd=folder, env=os.environ | settings, check=False).returncode:
            raise InputError(
                f"{folder}: the run stopped, see above; once that is fixed, run `make accept` "
                "again: it continues"
            )


def outcome(folder: Path) -> list[Finding]:
    """Return what was measured beside what is published or expected.

    Raises
    ------
    InputError
        A result is missing.
    """
    series = read_json(folder / f"plots/encoders/{ENCODER}.json")
    kurtosis = read_json(folder / f"data/kurtosis/{ENCODER}/kurtosis.json")
    cards = {name: read_card(folder / f"data/datasets/{key}") for name, (_, key) in SETS.items()}
    zoo = read_published(folder / "data/published").of("openclip")
    (published,) = (model for model in zoo if model["name"] == MODEL)
    return [
        *accuracies(series["measures"]["accuracy"], published, cards),
        *outliers(kurtosis, cards["imagenet"].images),
    ]


def verdict(found: Iterable[Finding]) -> Finding:
    """Return whether all that is compared agrees."""
    agrees = all(one.agrees for one in found if one.agrees is not None)
    said = "agrees with what is published" if agrees else "DIFFERS from what is published"
    return Finding("verdict", said, agrees)


def accuracies(
    measured: Mapping[str, Any], published: Mapping[str, Any], cards: Mapping[str, DatasetCard]
) -> Iterator[Finding]:
    """Yield each accuracy beside the published one; on part of a set, none agrees."""
    for key, (name, _) in SETS.items():
        card, value, expected = cards[key], measured[key], published[key]
        agrees = not card.partial and round(abs(value - expected), 4) <= TOLERANCE
        part = "a part of the set, " if card.partial else ""
        said = (
            f"{value:.2f} % of {card.images:,} images; {part}published {expected:.2f} %, "
            f"±{TOLERANCE}: {in_a_word(agrees)}"
        )
        yield Finding(name, said, agrees)


def outliers(kurtosis: Mapping[str, Any], images: int) -> Iterator[Finding]:
    """Yield the kurtosis, and the outlier features beside those that are expected."""
    mean = kurtosis["kurtosis"]
    said = f"{mean['value']:.2f} [{mean['low']:.2f}, {mean['high']:.2f}] on {images:,} images"
    yield Finding("kurtosis", f"{said}; a Gaussian has 3, and none is published of this encoder")
    features = kurtosis["outlier_features"]
    shares = zip(features["feature"], features["share"], strict=True)
    listed = [f"{feature} ({share:.1%} of images)" for feature, share in shares]
    there = ", ".join(listed[:5]) + (" …" if len(listed) > 5 else "") or "none"
    limits = f"{kurtosis['outlier_sigma']:g} σ in {kurtosis['outlier_share']:.0%} of images"
    agrees = bool(listed)
    said = f"{len(listed)} feature{'' if len(listed) == 1 else 's'} beyond {limits}: {there}"
    yield Finding("outliers", f"{said}; expected at least 1: {in_a_word(agrees)}", agrees)
    among = EXTREME in features["feature"]
    yield Finding(
        f"feature {EXTREME}",
        f"{'an' if among else 'no'} outlier feature here; it is the extreme one of OpenAI's "
        "published mean embedding",
    )


def in_a_word(agrees: bool) -> str:
    """Return the word for a comparison's outcome."""
    return "agrees" if agrees else "DIFFERS"


def about(machine: Machine) -> Iterator[Finding]:
    """Yield what ran where; nothing names the user or the computer."""
    yield Finding("interpreting-clip", f"make accept, commit {commit()}")
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    yield Finding("versions", f"Python {platform.python_version()}, {versions}")
    cores = f"{os.cpu_count()} logical processors, {machine.workers} workers"
    yield Finding("machine", f"{processor()}, {cores}, {platform.system()} {platform.release()}")
    yield Finding("device", f"{device(machine)}, {machine.batch_size} images per pass")


def version(package: str) -> str:
    """Return a package's version."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "missing"


def device(machine: Machine) -> str:
    """Return the device, with a GPU's name."""
    if not machine.device.startswith("cuda"):
        return machine.device
    import torch

    return f"{machine.device}, {torch.cuda.get_device_name(machine.device)}"


def made(folder: Path) -> Iterator[Finding]:
    """Yield how long the stages took, the commits of the sets, and the digests of outputs."""
    study = load_tree(folder / PARAMS)
    kernels, precision = study["kernels"], study["precision"]["inference"]
    threads = study["threads"]["inference"]
    yield Finding("settings", f"kernels {kernels}, {precision}, {threads} threads")
    stages = locked_stages(folder)
    files = [folder / SECONDS / name for name in stages]
    seconds = sum(float(file.read_text()) for file in files if file.is_file())
    yield Finding("time", f"{seconds / 60:.0f} minutes of stages")
    for name, key in SETS.values():
        for place, content in read_card(folder / f"data/datasets/{key}").origin.items():
            yield Finding("source", f"{name}: {place}@{content}")
    yield Finding("study", f"{STUDY.name} {file_digest(folder / PARAMS)[:12]}")
    for stage in MADE:
        for out in stages.get(stage, {}).get("outs", ()):
            yield Finding("md5", f"{out['path']} {out.get('md5', 'none')}")


def written(findings: Iterable[Finding]) -> list[str]:
    """Return the lines of findings, their names in one column."""
    found = list(findings)
    width = max(len(one.name) for one in found)
    return [one_line(f"{one.name:<{width}}  {one.said}") for one in found]


def git(folder: Path, *words: str) -> str:
    """Return what git says.

    Raises
    ------
    InputError
        It fails or is not there.
    """
    command = ["git", "-C", str(folder), *words]
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except FileNotFoundError as error:
        raise InputError("`make accept` needs git, which is not installed") from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.strip().rpartition("\n")[2]
        raise InputError(
            f"{folder.absolute()}: git {words[0]} failed ({said}); `make accept` needs a clone of "
            f"the repository, and makes one in {FOLDER}"
        ) from error


def say(text: str) -> None:
    """Print one line and flush it, since DVC prints to the same place."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    launch(main)
