"""Stage `supervise`: a classifier from scratch on labelled images."""

from interpreting_clip.datasets.shards import open_shards
from interpreting_clip.encoders.encoder import classifier_encoder, save_encoder
from interpreting_clip.encoders.encoder_entries import AnyBackbone
from interpreting_clip.loading.decoding import decode_fast
from interpreting_clip.loading.processes import is_first, own_machine
from interpreting_clip.training.callbacks import training_callbacks
from interpreting_clip.training.recipes import Supervise, TrainingRecipe
from interpreting_clip.training.supervised import train_classifier
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.machine_settings import read_machine
from runner.outputs import Outputs
from runner.torchrun import run_in_processes


def main(key: str, params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Train encoder `key` and write its weights and its training curve."""
    machine = read_machine()
    item = params.read(f"supervise.{key}", Supervise)
    recipe = params.read(f"recipes.{item.recipe}", TrainingRecipe)
    backbone = params.read(f"backbones.{item.backbone}", AnyBackbone)
    dataset = inputs[f"data/datasets/{item.dataset}"]
    facts = (recipe, item.label_smoothing, backbone, params.code, inputs.digests())
    callbacks = training_callbacks(key, outputs[f"data/training/{key}"], machine, *facts)
    outputs.at_end(callbacks.remove_checkpoint)
    if run_in_processes(machine, "stages", "supervise", key, resumes=True):
        return
    own = own_machine(machine)
    with open_shards(dataset, decode_fast) as data:
        # The tower is a CLIP's, so that encoders differ only in their training (Crabbé et al.
        # 2024). Its features go into the head as they are, not normalised.
        encoder = classifier_encoder(
            backbone, data.card.classes, recipe.seed, normalize_features=False
        )
        train_classifier(
            encoder,
            recipe,
            data,
            data.classes,
            label_smoothing=item.label_smoothing,
            callbacks=callbacks,
            device=own.device,
            workers=own.workers,
        )
    if is_first():
        save_encoder(outputs[f"data/weights/{key}"], encoder)
