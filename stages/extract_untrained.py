"""Stage `extract_untrained`: the activations of many untrained encoders of one backbone."""

from itertools import chain

import numpy as np
import torch

from interpreting_clip.config.shifts import TEST_SETS
from interpreting_clip.datasets.shards import open_shards
from interpreting_clip.encoders.activations import untrained_activations
from interpreting_clip.encoders.encoder_entries import (
    AnyBackbone,
    Precision,
    Threads,
    UntrainedEntry,
)
from interpreting_clip.formats.json import write_json
from interpreting_clip.formats.tensors import stacked, write_tensors
from interpreting_clip.loading.decoding import decode_fast
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.machine_settings import read_machine
from runner.outputs import Outputs


def main(key: str, params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write the activations of backbone `key`'s untrained encoders on some of ImageNet's images."""
    null = params.read(f"untrained.{key}", UntrainedEntry)
    backbone = params.read(f"backbones.{key}", AnyBackbone)
    torch.set_num_threads(params.read("threads", Threads).inference)
    precision = params.read("precision", Precision).inference
    seeds = range(null.seed, null.seed + null.encoders)
    out = outputs[f"data/untrained_activations/{key}"]
    with open_shards(inputs[f"data/datasets/{TEST_SETS[0]}"], decode_fast) as images:
        count = min(null.images, len(images))
        rows = np.arange(count) * len(images) // count
        draws = untrained_activations(
            backbone, seeds, images, rows, machine=read_machine(), precision=precision
        )
        card, first = next(draws)
        blocks = chain([first[None]], (values[None] for _, values in draws))
        values = stacked((len(seeds), *first.shape), blocks)
    write_tensors(out / "activations.safetensors", {"activations": values})
    write_json(out / "card.json", {"representation": card.representation})
