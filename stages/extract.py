"""Stage `extract`: an encoder's activations on ImageNet's test images."""

from pathlib import Path

from stages.settings.precision import Precision
from stages.settings.shifts import TEST_SETS
from stages.settings.threads import Threads
from stages.storage.activations import write_card
from stages.storage.complete import complete_directory
from stages.storage.launch import launch
from stages.storage.machine import read_machine
from stages.storage.params import Params


def main(key: str) -> None:
    """Write encoder `key`'s activations on ImageNet's test images."""
    import torch

    from stages.encoders.activations import extract_dataset
    from stages.encoders.encoder import load_encoder

    params = Params()
    torch.set_num_threads(params.read("threads", Threads).inference)
    precision = params.read("precision", Precision).inference
    encoder = load_encoder(Path("data/weights") / key)
    dataset = Path("data/datasets") / TEST_SETS[0]
    with complete_directory(Path("data/activations") / key) as out:
        extract_dataset(encoder, dataset, out, read_machine(), precision)
        write_card(out, encoder.card.representation, encoder.card.feature_width)


if __name__ == "__main__":
    launch(main)
