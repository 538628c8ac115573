"""Stage `shift_baseline`: the line of standard models to a shift of the study's own."""

from interpreting_clip.config.shifts import TEST_SETS
from interpreting_clip.datasets.card import read_card
from interpreting_clip.datasets.imagenet import read_imagenet_classes
from interpreting_clip.formats.csv_tables import records
from interpreting_clip.formats.result_files import write_result
from interpreting_clip.statistics.guessing import Guessing
from interpreting_clip.statistics.logit_line import Settings
from interpreting_clip.training.baselines import abscissa_name, fitted_lines, trained_models
from interpreting_clip.training.saved_baseline import FittedBaseline, read_baseline_table
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.outputs import Outputs

NO_LINE = FittedBaseline(
    models=[],
    lines={},
    curves={},
    abscissa={},
    chance={},
    at_chance={},
    classes={},
    resampled={},
    resampled_curves={},
)


def main(key: str, params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write the standard models of shift `key`, if it is compared with any, and their line."""
    settings = params.read("baseline", Settings)
    source, shift = params.read(f"shifts.{key}.baseline", str), inputs[f"data/shifts/{key}"]
    result = NO_LINE
    if source != "none":
        if source == "trained":
            names = ("imagenet_train", TEST_SETS[0])
            folders = {name: inputs[f"data/datasets/{name}"] for name in names}
            models, classes, guessing = trained_models({**folders, key: shift}, settings)
        else:
            abscissa = abscissa_name(key, settings)
            models = read_baseline_table(inputs["data/baselines"], key, abscissa)
            card = read_card(shift)
            classes = {"imagenet": imagenet_classes(inputs, settings), key: card.class_indices}
            guessing = {key: Guessing(card.images, len(card.class_indices))}
        lines = fitted_lines(models, {key: guessing[key]}, settings)
        result = FittedBaseline(models=records(models), classes=classes, **lines)
    write_result(outputs[f"data/shift_baselines/{key}"] / "baseline.json", result)


def imagenet_classes(inputs: Inputs, settings: Settings) -> list[int]:
    """Return the classes that the models of a table were measured on."""
    if settings.source == "trained":
        return read_card(inputs[f"data/datasets/{TEST_SETS[0]}"]).class_indices
    return read_imagenet_classes().of(TEST_SETS[0])
