"""Stage `thumbnails`: small copies of the probe images and of the masks of their concepts."""

from interpreting_clip.datasets.broden.reader import open_broden
from interpreting_clip.datasets.broden.thumbnails import make_thumbnails, write_thumbnails
from interpreting_clip.datasets.card import is_absent, write_absent
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.machine_settings import read_machine
from runner.outputs import Outputs


def main(_params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write a thumbnail of each probe image, in the order of index.csv."""
    dataset, out = inputs["data/datasets/broden"], outputs["data/thumbnails"]
    if is_absent(dataset):
        write_absent(dataset.name, out)
        return
    with open_broden(dataset) as broden:
        write_thumbnails(out, make_thumbnails(broden, read_machine().workers))
