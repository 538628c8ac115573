"""Stage `extract_shifts`: an encoder's activations on the distribution shifts of ImageNet."""

from pathlib import Path

from stages.config.encoders import Precision, Threads
from stages.config.machine import read_machine
from stages.config.params import Params
from stages.config.test_sets import SHIFTS
from stages.datasets.card import is_absent
from stages.files.activations import write_shifts
from stages.files.outputs import new_output, open_outputs
from stages.runtime.launch import launch

DATASETS = Path("data/datasets")


def main(key: str) -> None:
    """Write encoder `key`'s activations on the shifts that the study has."""
    import torch

    from stages.encoders.activations import extract_dataset
    from stages.encoders.encoder import load_encoder

    params = Params()
    torch.set_num_threads(params.read("threads", Threads).inference)
    precision = params.read("precision", Precision).inference
    weights, machine = Path("data/weights") / key, read_machine()
    inputs = open_outputs(weights, *(DATASETS / shift for shift in SHIFTS))
    encoder = load_encoder(weights)
    present = [shift for shift in SHIFTS if not is_absent(DATASETS / shift)]
    with new_output(Path("data/shift_activations") / key, inputs) as out:
        for shift in present:
            extract_dataset(encoder, DATASETS / shift, out, machine, precision)
        write_shifts(out, present)


if __name__ == "__main__":
    launch(main)
