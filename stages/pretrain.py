"""Stage `pretrain`: a CLIP from scratch on captioned images."""

from interpreting_clip.datasets.shards import open_shards
from interpreting_clip.encoders.encoder import save_encoder
from interpreting_clip.encoders.encoder_entries import AnyBackbone
from interpreting_clip.errors import InputError
from interpreting_clip.loading.decoding import decode_fast
from interpreting_clip.loading.processes import is_first, own_machine
from interpreting_clip.training.callbacks import training_callbacks
from interpreting_clip.training.contrastive import pretrain
from interpreting_clip.training.recipes import Pretrain, TrainingRecipe
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.machine_settings import read_machine
from runner.outputs import Outputs
from runner.torchrun import run_in_processes


def main(key: str, params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Train encoder `key` and write its weights and its training curve."""
    machine = read_machine()
    item = params.read(f"pretrain.{key}", Pretrain)
    recipe = params.read(f"recipes.{item.recipe}", TrainingRecipe)
    backbone = params.read(f"backbones.{item.backbone}", AnyBackbone)
    dataset = inputs[f"data/datasets/{item.dataset}"]
    curve, facts = (
        outputs[f"data/training/{key}"],
        (recipe, backbone, params.code, inputs.digests()),
    )
    callbacks = training_callbacks(key, curve, machine, *facts)
    outputs.at_end(callbacks.remove_checkpoint)
    if run_in_processes(machine, "stages", "pretrain", key, resumes=True):
        return
    own = own_machine(machine)
    with open_shards(dataset, decode_fast) as data:
        if data.captions is None:
            raise InputError(
                f"{dataset}: pretrain.{key} needs a captioned dataset, this has no captions"
            )
        encoder = pretrain(
            recipe,
            backbone,
            data,
            data.captions,
            callbacks=callbacks,
            device=own.device,
            workers=own.workers,
        )
    if is_first():
        save_encoder(outputs[f"data/weights/{key}"], encoder)
