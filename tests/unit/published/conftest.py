"""A small folder of published accuracies, from lines that the tests know."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from interpreting_clip.config.shifts import TESTBED_SHIFTS, on_classes
from interpreting_clip.formats.published_accuracies import FEWER_CLASSES, Settings
from interpreting_clip.measures.logit_line import expit, logit
from interpreting_clip.published.sources import ACCURACIES, COUNTERPARTS, REAL, SAME_MODELS

SETTINGS = Settings(resamples=200, seed=3, confidence=0.9)
SLOPES = dict(zip(TESTBED_SHIFTS, (0.9, 0.8, 1.0, 1.2, 2.0), strict=True))
SETS = ("imagenet", *TESTBED_SHIFTS)
PARTS = tuple(on_classes(shift) for shift in FEWER_CLASSES)

SOURCE = {
    "title": "A source",
    "url": "https://example.org/a",
    "commit": "0123abc",
    "path": "a.csv",
    "licence": "MIT",
    "measured": "As usual.",
}


def accuracies(imagenet: float, above: float = 0.0, noise: float = 0.0, seed: int = 0):
    """Return accuracies in percent, so many points above the lines of `SLOPES`."""
    generator = np.random.default_rng(seed)
    x = logit(np.array([imagenet / 100]))[0]
    found = {"imagenet": imagenet}
    for shift, slope in SLOPES.items():
        beyond = noise * generator.normal()
        found[shift] = float(100 * expit(np.array([slope * x - 0.5 + beyond]))[0]) + above
    return found


def write(folder: Path, name: str, rows, **more) -> None:
    """Write a source with its table."""
    table = pd.DataFrame(rows)
    table.to_csv(folder / f"{name}.csv", index=False)
    sets = [key for key in (*SETS, REAL, *PARTS) if key in table]
    source = {**SOURCE, "table": f"{name}.csv", "sets": sets, **more}
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(source))


def frame(*models) -> pd.DataFrame:
    """Return a table of models, whose other accuracies are unknown."""
    table = pd.DataFrame(models)
    return table.reindex(columns=[*table, *(name for name in ACCURACIES if name not in table)])


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of five sources to read, whose standard models lie about the lines."""
    tmp_path = tmp_path_factory.mktemp("published")
    standard = [
        {"model": f"m{i}", "training": "standard", "family": f"f{i % 8}"}
        | accuracies(x, noise=0.05, seed=i)
        | dict.fromkeys(PARTS, x + 5)
        for i, x in enumerate(np.linspace(50, 85, 24).tolist())
    ]
    write(tmp_path, "testbed", standard)
    timm = [
        {"model": f"t{i}.in1k", "image_size": 224, "training": "standard", "family": f"g{i % 10}"}
        | accuracies(x, noise=0.05, seed=100 + i)
        | {REAL: x + 4, PARTS[0]: x + 5, PARTS[1]: x + 6}
        for i, x in enumerate(np.linspace(40, 88, 30).tolist())
    ]
    timm.append(timm[3] | {"image_size": 288, "imagenet": 51.0})
    tuned = {"model": "vit.ft", "image_size": 224, "training": "finetuned", "start": "ViT/web"}
    timm.append(tuned | accuracies(80.0, 3.0) | {REAL: 84.0, PARTS[0]: 90.0, PARTS[1]: 91.0})
    write(tmp_path, "timm", pd.DataFrame(timm).drop(columns="objectnet"))
    zoo = [
        {"model": "ViT/web", **accuracies(70.0, 9.0)},
        {"model": "ViT-again/web", **accuracies(70.0, 9.0)},
        {"model": "RN/web", **accuracies(60.0, 5.0)},
        {"model": "big/web", **accuracies(88.0, 2.0)},
    ]
    write(tmp_path, "openclip", zoo, training="zero_shot", data="Web")
    other = accuracies(70.0, 9.0)
    other["imagenet_a"] += 0.5
    scaled = {"model": "ViT/Samples-3B", "samples_seen": "3B", "gmacs_total": 1e9, **other}
    write(tmp_path, "scaling", [scaled], training="zero_shot", data="LAION-2B")
    same = "source,model,image_size,also_source,also_model,also_image_size,evidence\n"
    (tmp_path / SAME_MODELS).write_text(f"{same}openclip,ViT/web,,scaling,ViT/Samples-3B,,said\n")
    (tmp_path / COUNTERPARTS).write_text(
        "backbone,data,training,model,image_size,note\n"
        "ViT,Web,zero_shot,ViT/web,224,\nViT,Web,finetuned,vit.ft,224,\n"
    )
    return tmp_path
