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
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from tabulate import tabulate

from interpreting_clip.config.params import PARAMS
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.datasets.card import DatasetCard, read_card
from interpreting_clip.errors import InputError, error_context
from interpreting_clip.formats.files import file_digest
from interpreting_clip.formats.results import read_result
from interpreting_clip.measures.effective_robustness import EffectiveRobustness
from interpreting_clip.measures.kurtosis import Kurtosis
from interpreting_clip.published.sources import read_published
from interpreting_clip.study.encoder_results import EncoderResults
from page.names import format_estimate
from runner.fingerprint import RECORDED
from runner.machine_settings import PREFIX, SETTINGS, Machine, read_machine
from runner.process import launch
from runner.run import SECONDS
from tools.cache import locked_stages
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

Finding = tuple[str, str, bool | None]
"""A line of the outcome: its name, its text, and whether it agrees (None: nothing to compare)."""


def main() -> None:
    """Run the study and compare it with what is published."""
    machine = read_machine()
    prepare(FOLDER)
    run(FOLDER, machine)
    found = outcome(FOLDER)
    agrees = all(agrees is not False for *_, agrees in found)
    verdict = "agrees with" if agrees else "DIFFERS from"
    lines = [*about(machine), *found, *made(FOLDER)]
    lines += [("verdict", f"{verdict} what is published", agrees)]
    table = tabulate([line[:2] for line in lines], tablefmt="plain", disable_numparse=True)
    sys.stdout.write("\nTo tell us, post these lines in an issue of this repository:\n\n")
    sys.stdout.write(f"```\n{table}\n```\n")
    if not agrees:
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
        git(Path(), "clone", "--quiet", "--no-checkout", ".", str(folder))
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
    results = read_result(folder / f"plots/encoders/{ENCODER}.json", EncoderResults)
    cards = {name: read_card(folder / f"data/datasets/{key}") for name, (_, key) in SETS.items()}
    zoo = read_published(folder / "data/published").of("openclip")
    (published,) = zoo[zoo["name"] == MODEL].to_dict("records")
    return [
        *accuracies(results.robustness, published, cards),
        *outliers(results.kurtosis, cards["imagenet"].images),
    ]


def accuracies(
    measured: EffectiveRobustness, published: Mapping[Any, Any], cards: Mapping[str, DatasetCard]
) -> Iterator[Finding]:
    """Yield each accuracy beside the published one; on part of a set, none agrees."""
    values = {"imagenet": measured.imagenet} | {
        shift: one.accuracy.value for shift, one in measured.per_shift.items()
    }
    for key, (name, _) in SETS.items():
        card, value, expected = cards[key], values[key], published[key]
        agrees = not card.partial and round(abs(value - expected), 4) <= TOLERANCE
        part = "a part of the set, " if card.partial else ""
        text = f"{value:.2f} % of {card.images:,} images; {part}published {expected:.2f} %"
        yield name, f"{text}, ±{TOLERANCE}: {'agrees' if agrees else 'DIFFERS'}", agrees


def outliers(measured: Kurtosis, images: int) -> Iterator[Finding]:
    """Yield the kurtosis, and the outlier features, of which there should be one at least."""
    mean = format_estimate(measured.kurtosis, 2)
    yield "kurtosis", f"{mean} on {images:,} images; a Gaussian has 3", None
    found = measured.outliers
    shares = zip(found.feature, found.share, strict=True)
    listed = [f"{feature} ({share:.1%} of images)" for feature, share in shares]
    limits = f"{found.outlier_sigma:g} σ in {found.outlier_share:.0%} of images"
    text = f"{', '.join(listed[:5]) or 'none'} beyond {limits}; expected {EXTREME}, or any"
    agrees = bool(listed)
    yield "outlier features", f"{text}: {'agrees' if agrees else 'DIFFERS'}", agrees


def about(machine: Machine) -> Iterator[Finding]:
    """Yield what ran where; nothing names the user or the computer."""
    yield "interpreting-clip", f"make accept, commit {commit()}", None
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES)
    yield "versions", f"Python {platform.python_version()}, {versions}", None
    cores = f"{os.cpu_count()} logical processors, {machine.workers} workers"
    yield "machine", f"{processor()}, {cores}, {platform.system()} {platform.release()}", None
    yield "device", f"{device(machine)}, {machine.batch_size} images per pass", None


def device(machine: Machine) -> str:
    """Return the device, with a GPU's name."""
    if not machine.device.startswith("cuda"):
        return machine.device
    import torch

    return f"{machine.device}, {torch.cuda.get_device_name(machine.device)}"


def made(folder: Path) -> Iterator[Finding]:
    """Yield how long the stages took, the commits of the sets, and the digests of outputs."""
    study, stages = load_tree(folder / PARAMS), locked_stages(folder)
    settings = study["kernels"], study["precision"]["inference"], study["threads"]["inference"]
    yield "settings", "kernels {}, {}, {} threads".format(*settings), None
    files = [folder / SECONDS / name for name in stages]
    seconds = sum(float(file.read_text()) for file in files if file.is_file())
    yield "time", f"{seconds / 60:.0f} minutes of stages", None
    for name, key in SETS.values():
        for place, content in read_card(folder / f"data/datasets/{key}").origin.items():
            yield "source", f"{name}: {place}@{content}", None
    yield "study", f"{STUDY.name} {file_digest(folder / PARAMS)[:12]}", None
    for stage in MADE:
        for out in stages.get(stage, {}).get("outs", ()):
            yield "md5", f"{out['path']} {out.get('md5', 'none')}", None


def git(folder: Path, *words: str) -> str:
    """Return what git says.

    Raises
    ------
    InputError
        It fails.
    """
    command = ["git", "-C", str(folder), *words]
    with error_context("`make accept` needs a clone", subprocess.CalledProcessError):
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def say(text: str) -> None:
    """Print one line and flush it, since DVC prints to the same place."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    launch(main)
