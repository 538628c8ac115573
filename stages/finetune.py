"""Stage `finetune`: a CLIP finetuned with its zero-shot head on labelled images."""

from pathlib import Path

from interpreting_clip.config.encoders import Templates
from interpreting_clip.config.params import Params
from interpreting_clip.config.trainings import Finetune, TrainingRecipe
from interpreting_clip.datasets.shards import open_shards
from interpreting_clip.errors import error_context
from runner.machine import read_machine
from runner.outputs import open_outputs


def main(key: str) -> None:
    """Train encoder `key` and write its weights and its training curve."""
    import torch

    from interpreting_clip.encoders.encoder import load_encoder
    from interpreting_clip.encoders.heads import classifier_from_clip, zero_shot_head
    from interpreting_clip.loading.processes import own_machine, run_in_processes
    from interpreting_clip.training.callbacks import save_training, training_callbacks
    from interpreting_clip.training.supervised import train_classifier

    params, machine = Params(), read_machine()
    if run_in_processes(machine, "stages", "finetune", key):
        return
    machine = own_machine(machine)
    item = params.read(f"finetune.{key}", Finetune)
    recipe = params.read(f"recipes.{item.recipe}", TrainingRecipe)
    templates = params.read("heads.zero_shot.templates", Templates)
    source, folder = Path("data/weights") / item.start, Path("data/datasets") / item.dataset
    inputs = open_outputs(source, folder)
    torch.set_num_threads(recipe.threads)
    start = load_encoder(source)
    start.module.to(machine.device)
    with open_shards(folder) as data:
        classes = data.card.classes
        with error_context(source):
            head = zero_shot_head(start, classes, templates)
        with training_callbacks(
            key, machine.device, recipe, templates, inputs.outputs
        ) as callbacks:
            encoder = classifier_from_clip(start, head, classes)
            train_classifier(
                encoder,
                recipe,
                data,
                data.classes,
                callbacks=callbacks,
                device=machine.device,
                workers=machine.workers,
            )
    save_training(key, encoder, inputs)
