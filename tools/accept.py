"""`make accept`: measure a published encoder on real images, and compare with what is published.

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
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from tabulate import tabulate

from interpreting_clip.config.params import PARAMS
from interpreting_clip.datasets.card import read_card
from interpreting_clip.errors import InputError, error_context
from interpreting_clip.formats.results import read_result
from interpreting_clip.published.sources import read_published
from interpreting_clip.study.encoder_results import EncoderResults
from page.names import format_estimate
from runner.fingerprint import RECORDED
from runner.machine_settings import PREFIX, SETTINGS, read_machine
from tools.outcome import commit, processor

STUDY, FOLDER = Path("studies/acceptance.yaml"), Path(".scratch/accept")

ENCODER, MODEL = "vit_b_32_openai", "ViT-B-32-quickgelu/openai"
"""The study's encoder, and its name among OpenCLIP's published models."""

TOLERANCE = 0.3
"""How many points an accuracy may be from the published one.

Ours. Between versions of Pillow and torch, devices and precisions, the decisions on a few dozen of
50,000 images change. Wrong preprocessing, prompts or activations cost one to many points.
"""

EXTREME = 92
"""The feature that is extreme in OpenAI's published mean embedding of this encoder, from 0."""

PACKAGES = ("torch", "torchvision", "numpy", "pillow", "open-clip-torch", "timm", "dvc")


def main() -> None:
    """Run the study and compare it with what is published."""
    machine = read_machine()
    prepare(FOLDER)
    places = {"DOWNLOADS": machine.downloads, "FOLDERS": machine.folders}
    run(FOLDER, {name: str(Path(place).absolute()) for name, place in places.items()})
    found = list(outcome(FOLDER))
    agree = all(agrees for *_, agrees in found)
    # Nothing here names the user or the computer.
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES)
    rows = [
        ("commit", commit()),
        ("versions", f"Python {platform.python_version()}, {versions}"),
        ("machine", f"{processor()}, {platform.system()}, device {machine.device}"),
        *((name, f"{text}: {'agrees' if ok else 'DIFFERS'}") for name, text, ok in found),
        ("verdict", f"{'agrees with' if agree else 'DIFFERS from'} what is published"),
    ]
    table = tabulate(rows, tablefmt="plain", disable_numparse=True)
    sys.stdout.write("\nTo tell us, post these lines in an issue of this repository:\n\n")
    sys.stdout.write(f"```\n{table}\n```\n")
    if not agree:
        sys.exit(1)


def prepare(folder: Path) -> None:
    """Make or update the clone that the study runs in; what is not committed is no part of it."""
    with error_context("`make accept` needs a clone", subprocess.CalledProcessError):
        if not (folder / ".git").exists():
            shutil.rmtree(folder, ignore_errors=True)
            git("clone", "--quiet", "--no-checkout", ".", str(folder))
        git("-C", str(folder), "fetch", "--quiet", str(Path.cwd()), "HEAD")
        # dvc.lock becomes the commit's; DVC's run cache has what was computed here.
        git("-C", str(folder), "checkout", "--quiet", "--force", "--detach", "FETCH_HEAD")
    # The machine's settings, and the versions of torch that `make install` found, are not in git.
    shutil.copyfile(folder / STUDY, folder / PARAMS)
    for name in (RECORDED, SETTINGS):
        if name.is_file():
            shutil.copyfile(name, folder / name)


def git(*words: str) -> None:
    """Run git."""
    subprocess.run(["git", *words], check=True)


def run(folder: Path, places: dict[str, str]) -> None:
    """Run the study in the clone; downloads are kept where those of this repository are."""
    settings = {f"{PREFIX}{name}": place for name, place in places.items()}
    # The clone has no environment of its own: stages run with the Python that runs this.
    settings["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for words in (["stages", "study"], ["tools", "fast-dvc", "repro"]):
        command = [sys.executable, "-m", *words]
        if subprocess.run(command, cwd=folder, env=os.environ | settings, check=False).returncode:
            raise InputError(
                f"{folder}: the run stopped, see above; once that is fixed, run `make accept` "
                "again: it continues"
            )


def outcome(folder: Path) -> Iterator[tuple[str, str, bool]]:
    """Yield each finding's name, what was measured beside what is published, and if they agree."""
    results = read_result(folder / f"plots/encoders/{ENCODER}.json", EncoderResults)
    zoo = read_published(folder / "data/published").of("openclip")
    (published,) = zoo[zoo["name"] == MODEL].to_dict("records")
    v2 = results.robustness.per_shift["imagenet_v2"].accuracy.value
    for name, key, value, expected in (
        ("ImageNet", "imagenet_val", results.robustness.imagenet, published["imagenet"]),
        ("ImageNet-V2", "imagenet_v2", v2, published["imagenet_v2"]),
    ):
        card = read_card(folder / f"data/datasets/{key}")
        origin = ", ".join(f"{place}@{content}" for place, content in card.origin.items())
        part = "a part of " if card.partial else ""
        text = (
            f"{value:.2f} % of {card.images:,} images, {part}{origin}; published {expected:.2f} %"
        )
        agrees = not card.partial and round(abs(value - expected), 4) <= TOLERANCE
        yield name, f"{text} ± {TOLERANCE}", agrees
    outliers = results.kurtosis.outliers
    shares = zip(outliers.feature[:5], outliers.share, strict=False)
    listed = ", ".join(f"{feature} ({share:.1%} of images)" for feature, share in shares)
    kurtosis = format_estimate(results.kurtosis.kurtosis, 2)
    text = f"{listed or 'none'}; kurtosis {kurtosis}; expected {EXTREME}, or any"
    yield "outlier features", text, bool(listed)
