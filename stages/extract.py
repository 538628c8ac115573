"""Stage `extract`: an encoder's head, and its activations on ImageNet and the shifts."""

from pathlib import Path

import numpy as np

from stages.datasets.absent import is_absent
from stages.datasets.card import read_card
from stages.datasets.shards import open_shards
from stages.settings.encoder import HeadKind
from stages.settings.precision import Precision
from stages.settings.shifts import TEST_SETS
from stages.settings.threads import Threads
from stages.storage.activations import write_batches, write_card
from stages.storage.complete import complete_directory
from stages.storage.errors import about
from stages.storage.heads import write_head
from stages.storage.launch import launch
from stages.storage.machine import read_machine
from stages.storage.params import METHODS, Params, read_method
from stages.storage.results import read_json

DATASETS = Path("data/datasets")


def main(key: str) -> None:
    """Write encoder `key`'s head and activations."""
    import torch

    from stages.encoders.activations import coming_activations
    from stages.encoders.encoder import load_encoder
    from stages.encoders.heads import make_head

    params, method, machine = Params(), read_method("extract"), read_machine()
    torch.set_num_threads(method.read("threads", Threads).inference)
    precision = method.read("precision", Precision).inference
    head = params.read(f"encoders.{key}.head", HeadKind)
    wanted = read_json(METHODS / f"{head}_head.json")
    weights = Path("data/weights") / key
    encoder = load_encoder(weights)
    classes = read_card(DATASETS / TEST_SETS[0]).classes
    card = encoder.card
    facts = {"representation": card.representation, "feature_width": card.feature_width}
    present = [dataset for dataset in TEST_SETS if not is_absent(DATASETS / dataset)]
    with (
        complete_directory(Path("data/heads") / key) as heads,
        complete_directory(Path("data/activations") / key) as out,
    ):
        with about(weights):
            made = make_head(encoder, classes, wanted["kind"], wanted["settings"], machine.device)
        write_head(heads, made, wanted["kind"])
        for dataset in present:
            with open_shards(DATASETS / dataset) as images:
                write_batches(
                    out,
                    dataset,
                    coming_activations(
                        encoder,
                        images,
                        machine.batch_size,
                        machine.device,
                        machine.workers,
                        precision=precision,
                    ),
                    classes=images.classes,
                    class_indices=np.array(images.card.class_indices),
                    aliases=images.card.aliases,
                )
        write_card(out, facts, present)


if __name__ == "__main__":
    launch(main)
