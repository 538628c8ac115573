"""Stage `extract_shifts`: an encoder's activations on the distribution shifts of ImageNet."""

from pathlib import Path

from stages.datasets.absent import is_absent
from stages.settings.precision import Precision
from stages.settings.shifts import SHIFTS
from stages.settings.threads import Threads
from stages.storage.activations import write_shifts
from stages.storage.complete import complete_directory
from stages.storage.launch import launch
from stages.storage.machine import read_machine
from stages.storage.params import Params

DATASETS = Path("data/datasets")


def main(key: str) -> None:
    """Write encoder `key`'s activations on the shifts that the study has."""
    import torch

    from stages.encoders.activations import extract_dataset
    from stages.encoders.encoder import load_encoder

    params = Params()
    torch.set_num_threads(params.read("threads", Threads).inference)
    precision = params.read("precision", Precision).inference
    encoder, machine = load_encoder(Path("data/weights") / key), read_machine()
    present = [shift for shift in SHIFTS if not is_absent(DATASETS / shift)]
    with complete_directory(Path("data/shift_activations") / key) as out:
        for shift in present:
            extract_dataset(encoder, DATASETS / shift, out, machine, precision)
        write_shifts(out, present)


if __name__ == "__main__":
    launch(main)
