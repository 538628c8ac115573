"""Stage `baseline`: the line of standard models from ImageNet to each shift of the testbed."""

from interpreting_clip.config.shifts import TEST_SETS, TESTBED_SHIFTS, result_name
from interpreting_clip.datasets.imagenet import read_imagenet_classes
from interpreting_clip.formats.csv_tables import records
from interpreting_clip.formats.result_files import write_result
from interpreting_clip.statistics.logit_line import Settings
from interpreting_clip.statistics.published_accuracies import GUESSING, standard_models
from interpreting_clip.training.baselines import fitted_lines, trained_models
from interpreting_clip.training.saved_baseline import FittedBaseline
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.outputs import Outputs


def main(params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write the standard models, their lines and the resampled lines."""
    settings = params.read("baseline", Settings)
    if settings.source == "trained":
        names = ("imagenet_train", *TEST_SETS)
        folders = {name: inputs[f"data/datasets/{name}"] for name in names}
        models, classes, guessing = trained_models(folders, settings)
    else:
        known = read_imagenet_classes()
        models, guessing = standard_models(), GUESSING
        classes = {result_name(name): known.of(name) for name in TEST_SETS}
    lines = fitted_lines(models, {shift: guessing[shift] for shift in TESTBED_SHIFTS}, settings)
    result = FittedBaseline(models=records(models), classes=classes, **lines)
    write_result(outputs["data/baseline"] / "baseline.json", result)
