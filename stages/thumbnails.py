"""Stage `thumbnails`: small copies of the probe images and of the masks of their concepts."""

from interpreting_clip.datasets.broden.reader import open_broden
from interpreting_clip.datasets.broden.thumbnails import make_thumbnails, write_thumbnails
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.machine_settings import read_machine
from runner.outputs import Outputs


def main(_params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write a thumbnail of each probe image, in the order of index.csv."""
    with open_broden(inputs["data/datasets/broden"]) as broden:
        out = outputs["data/thumbnails"]
        write_thumbnails(out, make_thumbnails(broden, read_machine().workers))
