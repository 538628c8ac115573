"""What the direction browser costs at the size of the paper: the table of browse.md.

An encoder of 1,024 directions, 1,197 concepts and Broden's 63,305 images, of which few are drawn
and then repeated. They have the spectrum of photographs, since what JPEG makes of an image depends
on it. Stage `thumbnails` is timed on some images, and its time and bytes taken times their number.
"""

import io
import os
import tempfile
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

from benchmarks.synthetic import Size, draw_activations, draw_head, draw_labels
from benchmarks.tables import ROOT, Cost, Row, alone, seconds, write_table
from interpreting_clip.datasets.broden.labels import to_channels
from interpreting_clip.datasets.broden.reader import Broden, Concept, IndexRow
from interpreting_clip.datasets.broden.thumbnails import Thumbnail, thumbnail, write_thumbnails
from interpreting_clip.datasets.images import encode_png
from interpreting_clip.formats.arrays import write_tensors
from interpreting_clip.formats.json import write_json
from interpreting_clip.measures.directions import singular_directions
from interpreting_clip.measures.extremes import extreme_images
from runner.outputs import new_output
from stages import browse

BRODEN = Size(images=63_305, features=1_024, concepts=1_197, classes=1_024)
KEY, SEED, SHOWN, OUTLIERS = "encoder", 0, 12, 3
DRAWN = 200
"""The images that are drawn."""

BLOCK = 256
"""The directions whose extremes are timed, about as many as `probe` has at a time."""

SIDE = 224

SMOOTH = 2.5
"""The power of the drawn label maps, whose parts are then large."""

CATEGORIES = ("object", "part", "color", "material")
MEBIBYTE = 2**20


def main() -> None:
    """Measure, print and write the table."""
    with tempfile.TemporaryDirectory() as scratch:
        found = rows(Path(scratch), BRODEN, DRAWN)
    title = (
        f"{BRODEN.features:,} directions, {BRODEN.concepts:,} concepts, {BRODEN.images:,} images"
    )
    write_table("browse", f"The direction browser: {title}", found)


def rows(folder: Path, size: Size, drawn: int) -> list[Row]:
    """Return the lines of the table."""
    broden, thumbnails = draw_broden(drawn), list[Thumbnail]()
    making = seconds(lambda: thumbnails.extend(thumbnail(broden, i) for i in range(drawn)))
    block = Size(size.images, min(BLOCK, size.features))
    scores = draw_activations(block, SEED).astype(np.float64)  # as `probe` has them
    finding = seconds(lambda: extreme_images(scores, SHOWN))
    write_inputs(folder, size, thumbnails)
    stored = (folder / "data/thumbnails/thumbnails.safetensors").stat().st_size
    pages = alone(browse_in, folder)
    files = {
        file.name: file.stat().st_size for file in (folder / "plots/directions" / KEY).iterdir()
    }
    index = files["index.html"] + files["index.jpg"]
    return [
        Row(
            f"`thumbnails`, one thread, from {drawn} images",
            f"{making / drawn * size.images:.0f} s",
        ),
        Row("… bytes, masks included", f"{stored / MEBIBYTE:.0f} MiB"),
        *lines(pages),
        Row("… bytes of all pages and sprites", f"{sum(files.values()) / MEBIBYTE:.0f} MiB"),
        Row("… files", f"{len(files)}"),
        Row("… bytes of the index with its images", f"{index / 1e6:.2f} MB", "under 3 MB"),
        Row("… bytes of a page without its sprites", f"{files['directions_1.html'] / 1e6:.2f} MB"),
        Row(
            f"what `broden` takes longer for each basis, from {scores.shape[1]} directions",
            f"{finding / scores.shape[1] * size.features:.1f} s",
        ),
    ]


def lines(cost: Cost) -> list[Row]:
    """Return the lines of what stage `browse` takes."""
    return [
        Row("`browse`", f"{cost.seconds:.1f} s", "under 60 s"),
        Row("… peak memory", f"{cost.memory:.0f} MiB", "under 2 GiB"),
    ]


def draw_broden(images: int) -> Broden:
    """Draw images with the spectrum of photographs, and a label map of each of some categories."""
    rng = np.random.default_rng(SEED)
    files, index = {}, []
    for image in range(images):
        stream = io.BytesIO()
        Image.fromarray(draw_photograph(rng, SIDE)).save(stream, "JPEG", quality=90)
        files[f"images/{image}.jpg"] = stream.getvalue()
        paths = {name: f"{image}_{name}.png" for name in CATEGORIES}
        for path in paths.values():
            labels = draw_photograph(rng, SIDE // 2, SMOOTH)[:, :, 0].astype(np.int64) // 50
            files[f"images/{path}"] = encode_png(to_channels(labels), compress_level=1)
        index.append(IndexRow(image=f"{image}.jpg", sh=SIDE // 2, sw=SIDE // 2, **paths))
    return Broden("drawn", index, [Concept(1, "one", "object")], files.__getitem__)


def draw_photograph(rng: np.random.Generator, side: int, power: float = 1.3) -> np.ndarray:
    """Draw an image whose amplitudes fall with the frequency, as those of photographs do.

    With the power given, JPEG takes a fifth more bytes than for 24 photographs of ImageNet's.
    """
    frequencies = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.rfftfreq(side), indexing="ij"))
    frequencies[0, 0] = 1
    channels = []
    for _ in range(3):
        noise = np.fft.rfft2(rng.standard_normal((side, side))) / frequencies**power
        channels.append(np.fft.irfft2(noise, s=(side, side)))
    # Channels of a photograph go together.
    mixed = np.stack(channels) + 2 * channels[0]
    low, high = np.percentile(mixed, (1, 99))
    return (255 * np.clip((mixed - low) / (high - low), 0, 1)).astype(np.uint8).transpose(1, 2, 0)


def write_inputs(folder: Path, size: Size, thumbnails: list[Thumbnail]) -> None:
    """Write a study and what stage `browse` reads, as other stages write it."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        study = yaml.safe_load((ROOT / "params.yaml").read_text())
        study["encoders"] = {KEY: {"label": "an encoder"}}
        Path("params.yaml").write_text(yaml.safe_dump(study))
        with new_output(Path("data/thumbnails")) as out:
            write_thumbnails(out, islice(cycle(thumbnails), size.images))
        labels = draw_labels(size, SEED)
        named = list(named_concepts(thumbnails, size.concepts))
        with new_output(Path("data/broden_labels")) as out:
            concept = np.array([one["number"] for one in named])[labels.concept]
            write_tensors(out / "labels.safetensors", {"image": labels.image, "concept": concept})
            write_json(out / "concepts.json", named)
        write_measures(size)
    finally:
        os.chdir(before)


def named_concepts(thumbnails: list[Thumbnail], count: int) -> Iterator[dict[str, object]]:
    """Yield concepts of names as long as Broden's; those of the drawn masks are the first."""
    for number in range(count):
        category = CATEGORIES[number % len(CATEGORIES)]
        yield {"number": number, "name": f"a concept {number}", "category": category}


def write_measures(size: Size) -> None:
    """Write what stages `directions`, `kurtosis` and `broden` would have of an encoder."""
    rng = np.random.default_rng(SEED)
    found = singular_directions(draw_head(size, SEED).weight)
    count = len(found.vectors)
    arrays = {"directions": found.vectors, "singular_values": found.singular_values}
    arrays["importance"] = np.sort(rng.exponential(size=count))[::-1].copy()
    curve = {"head": {"imagenet": np.linspace(76, 10, 10)}}
    with new_output(Path("data/directions") / KEY) as out:
        write_tensors(out / "directions.safetensors", arrays)
        write_json(out / "directions.json", {"fractions": np.arange(10) / 10, "accuracy": curve})
    few = np.full(OUTLIERS, 0.5)
    axes = {"feature": np.arange(OUTLIERS), "rank": np.arange(OUTLIERS) + 1, "share": few}
    axes |= {"cosine": few, "within": few, "costs": {"imagenet": {"value": few}}}
    with new_output(Path("data/kurtosis") / KEY) as out:
        outliers = {"feature": np.arange(OUTLIERS)}
        write_json(out / "kurtosis.json", {"axes": axes, "outlier_features": outliers})
    precisions, ends = {}, {}
    for basis, rows_ in (("directions", count), ("features", size.features)):
        precisions[basis] = rng.beta(8, 5, (rows_, size.concepts))  # a few per direction encoded
        precisions[f"{basis}_negative"] = np.zeros((rows_, size.concepts), np.uint8)
        scores = draw_activations(Size(size.images, rows_), SEED)
        for name, values in vars(extreme_images(scores, SHOWN)).items():
            ends[f"{basis}_{name}"] = values
    with new_output(Path("data/concepts") / KEY) as out:
        write_tensors(out / "precisions.safetensors", precisions)
        write_tensors(out / "extremes.safetensors", ends)


def browse_in(folder: Path) -> None:
    """Run stage `browse` in a folder."""
    os.chdir(folder)
    browse.main(KEY)


if __name__ == "__main__":
    main()
