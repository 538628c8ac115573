"""Stage `finetune`: a CLIP finetuned with its zero-shot head on labelled images."""

import torch

from interpreting_clip.datasets.shards import open_shards
from interpreting_clip.encoders.encoder import load_encoder, save_encoder
from interpreting_clip.encoders.encoder_entries import Templates
from interpreting_clip.encoders.heads import classifier_from_clip, zero_shot_head
from interpreting_clip.errors import error_context
from interpreting_clip.loading.decoding import decode_fast
from interpreting_clip.loading.processes import is_first, own_machine
from interpreting_clip.training.callbacks import training_callbacks
from interpreting_clip.training.recipes import Finetune, TrainingRecipe
from interpreting_clip.training.supervised import train_classifier
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.machine_settings import read_machine
from runner.outputs import Outputs
from runner.torchrun import run_in_processes


def main(key: str, params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Train encoder `key` and write its weights and its training curve."""
    machine = read_machine()
    item = params.read(f"finetune.{key}", Finetune)
    recipe = params.read(f"recipes.{item.recipe}", TrainingRecipe)
    templates = params.read("heads.zero_shot.templates", Templates)
    source = inputs[f"data/weights/{item.start}"]
    dataset = inputs[f"data/datasets/{item.dataset}"]
    curve, facts = (
        outputs[f"data/training/{key}"],
        (recipe, templates, params.code, inputs.digests()),
    )
    callbacks = training_callbacks(key, curve, machine, *facts)
    outputs.at_end(callbacks.remove_checkpoint)
    if run_in_processes(machine, "stages", "finetune", key, resumes=True):
        return
    own = own_machine(machine)
    torch.set_num_threads(recipe.threads)
    start = load_encoder(source)
    start.module.to(own.device)
    with open_shards(dataset, decode_fast) as data:
        classes = data.card.classes
        with error_context(source):
            head = zero_shot_head(start, classes, templates)
        encoder = classifier_from_clip(start, head, classes)
        train_classifier(
            encoder,
            recipe,
            data,
            data.classes,
            callbacks=callbacks,
            device=own.device,
            workers=own.workers,
        )
    if is_first():
        save_encoder(outputs[f"data/weights/{key}"], encoder)
