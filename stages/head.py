"""Stage `head`: an encoder's classifier head, zero-shot, trained or random."""

import torch

from interpreting_clip.arrays.head import Head
from interpreting_clip.config.shifts import TEST_SETS
from interpreting_clip.datasets.card import read_card
from interpreting_clip.encoders.encoder import given_head, load_encoder
from interpreting_clip.encoders.encoder_card import are_given, read_given_card
from interpreting_clip.encoders.encoder_entries import (
    HeadKind,
    RandomHead,
    Threads,
    TrainedHead,
    ZeroShotHead,
)
from interpreting_clip.encoders.saved_heads import write_head
from interpreting_clip.errors import error_context
from interpreting_clip.statistics.random_numbers import random_unit_rows
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.machine_settings import read_machine
from runner.outputs import Outputs

HEAD_SETTINGS = {"zero_shot": ZeroShotHead, "trained": TrainedHead, "random": RandomHead}


def main(key: str, params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write encoder `key`'s head for the classes of ImageNet."""
    head = params.read(f"encoders.{key}.head", HeadKind)
    settings = params.read(f"heads.{head}", HEAD_SETTINGS[head])
    torch.set_num_threads(params.read("threads", Threads).inference)
    weights, dataset = inputs[f"data/weights/{key}"], inputs[f"data/datasets/{TEST_SETS[0]}"]
    classes = read_card(dataset).classes
    encoder = None if are_given(weights) else load_encoder(weights)
    card = read_given_card(weights) if encoder is None else encoder.card
    if isinstance(settings, RandomHead):
        rows = random_unit_rows(len(classes), card.feature_width, settings.seed)
        result = Head(rows, None, card.normalize_features)
    elif encoder is None:
        result = given_head(weights, classes)
    elif isinstance(settings, ZeroShotHead):
        # Imported here: the other heads do not depend on this code.
        from interpreting_clip.encoders.heads import zero_shot_head

        encoder.module.to(read_machine().device)
        # IndexError: torch has no embedding for a token.
        beyond = "a text has a token beyond the text tower's vocabulary; get both from one model"
        with error_context(weights), error_context(beyond, IndexError):
            rows = zero_shot_head(encoder, classes, settings.templates)
        result = Head(rows, None, True)
    else:
        with error_context(weights):
            result = Head(*encoder.trained_head(classes), card.normalize_features)
    write_head(outputs[f"data/heads/{key}"], result, head)
