"""Stage `head`: an encoder's classifier head, zero-shot, trained or random."""

import torch

from interpreting_clip.config.shifts import TEST_SETS
from interpreting_clip.datasets.card import read_card
from interpreting_clip.encoders.encoder import load_encoder
from interpreting_clip.encoders.entries import (
    HeadKind,
    RandomHead,
    Threads,
    TrainedHead,
    ZeroShotHead,
)
from interpreting_clip.encoders.given_card import are_given
from interpreting_clip.encoders.given_heads import given_head, random_given_head
from interpreting_clip.errors import error_context
from interpreting_clip.formats.saved_heads import write_head
from interpreting_clip.measures.head import Head, random_unit_rows
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.machine_settings import read_machine
from runner.outputs import Outputs

HEADS = {"zero_shot": ZeroShotHead, "trained": TrainedHead, "random": RandomHead}


def main(key: str, params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write encoder `key`'s head for the classes of ImageNet."""
    head = params.read(f"encoders.{key}.head", HeadKind)
    settings = params.read(f"heads.{head}", HEADS[head])
    torch.set_num_threads(params.read("threads", Threads).inference)
    weights, dataset = inputs[f"data/weights/{key}"], inputs[f"data/datasets/{TEST_SETS[0]}"]
    classes = read_card(dataset).classes
    if are_given(weights):
        made = (
            random_given_head(weights, len(classes), settings.seed)
            if isinstance(settings, RandomHead)
            else given_head(weights, classes)
        )
        write_head(outputs[f"data/heads/{key}"], made, head)
        return
    encoder = load_encoder(weights)
    normalize = encoder.card.normalize_features
    with error_context(weights):
        if isinstance(settings, ZeroShotHead):
            # Imported here: the other heads do not depend on this code.
            from interpreting_clip.encoders.heads import zero_shot_head

            encoder.module.to(read_machine().device)
            made = Head(zero_shot_head(encoder, classes, settings.templates), None, True)
        elif isinstance(settings, RandomHead):
            width = encoder.card.feature_width
            made = Head(random_unit_rows(len(classes), width, settings.seed), None, normalize)
        else:
            made = Head(*encoder.trained_head(classes), normalize)
    write_head(outputs[f"data/heads/{key}"], made, head)
