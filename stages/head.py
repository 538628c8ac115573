"""Stage `head`: an encoder's classifier head, zero-shot, trained or random."""

from pathlib import Path

from stages.config.encoders import HeadKind, RandomHead, Threads, TrainedHead, ZeroShotHead
from stages.config.machine import read_machine
from stages.config.params import Params
from stages.config.test_sets import TEST_SETS
from stages.datasets.card import read_card
from stages.files.heads import write_head
from stages.files.outputs import new_output, open_outputs
from stages.measures.head import Head, random_unit_rows
from stages.runtime.errors import error_context
from stages.runtime.fingerprint import require_fingerprint

HEADS = {"zero_shot": ZeroShotHead, "trained": TrainedHead, "random": RandomHead}


def main(key: str) -> None:
    """Write encoder `key`'s head for the classes of ImageNet."""
    import torch

    from stages.encoders.encoder import load_encoder

    params = Params()
    head = params.read(f"encoders.{key}.head", HeadKind)
    require_fingerprint("head", head)
    settings = params.read(f"heads.{head}", HEADS[head])
    torch.set_num_threads(params.read("threads", Threads).inference)
    weights, dataset = Path("data/weights") / key, Path("data/datasets") / TEST_SETS[0]
    inputs = open_outputs(weights, dataset)
    encoder = load_encoder(weights)
    classes = read_card(dataset).classes
    normalize = encoder.card.normalize_features
    with error_context(weights):
        if isinstance(settings, ZeroShotHead):
            from stages.encoders.heads import zero_shot_head

            encoder.module.to(read_machine().device)
            made = Head(zero_shot_head(encoder, classes, settings.templates), None, True)
        elif isinstance(settings, RandomHead):
            width = encoder.card.feature_width
            made = Head(random_unit_rows(len(classes), width, settings.seed), None, normalize)
        else:
            made = Head(*encoder.trained_head(classes), normalize)
    with new_output(Path("data/heads") / key, inputs) as out:
        write_head(out, made, head)
