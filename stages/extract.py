"""Stage `extract`: an encoder's activations on ImageNet's test images."""

from pathlib import Path

from stages.config.encoders import Precision, Threads
from stages.config.machine import read_machine
from stages.config.params import Params
from stages.config.test_sets import TEST_SETS
from stages.files.activations import write_card
from stages.files.outputs import new_output, open_outputs
from stages.runtime.launch import launch


def main(key: str) -> None:
    """Write encoder `key`'s activations on ImageNet's test images."""
    import torch

    from stages.encoders.activations import extract_dataset
    from stages.encoders.encoder import load_encoder

    params = Params()
    torch.set_num_threads(params.read("threads", Threads).inference)
    precision = params.read("precision", Precision).inference
    weights, dataset = Path("data/weights") / key, Path("data/datasets") / TEST_SETS[0]
    inputs = open_outputs(weights, dataset)
    encoder = load_encoder(weights)
    with new_output(Path("data/activations") / key, inputs) as out:
        extract_dataset(encoder, dataset, out, read_machine(), precision)
        write_card(out, encoder.card.representation, encoder.card.feature_width)


if __name__ == "__main__":
    launch(main)
