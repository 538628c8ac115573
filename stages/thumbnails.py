"""Stage `thumbnails`: small copies of the probe images and of the masks of their concepts."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from interpreting_clip.datasets.broden.reader import open_broden
from interpreting_clip.datasets.broden.thumbnails import thumbnail, write_thumbnails
from interpreting_clip.datasets.card import is_absent, write_absent
from runner.machine import read_machine
from runner.outputs import new_output, open_outputs

BRODEN, THUMBNAILS = Path("data/datasets/broden"), Path("data/thumbnails")


def main() -> None:
    """Write a thumbnail of each probe image, in the order of index.csv."""
    inputs = open_outputs(BRODEN)
    if is_absent(BRODEN):
        write_absent(BRODEN.name, THUMBNAILS, inputs)
        return
    with (
        open_broden(BRODEN) as broden,
        ThreadPoolExecutor(read_machine().workers) as pool,
        new_output(THUMBNAILS, inputs) as out,
    ):
        write_thumbnails(out, pool.map(partial(thumbnail, broden), range(len(broden))))
