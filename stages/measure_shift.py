"""Stage `measure_shift`: an encoder's accuracy and effective robustness on a study's own shift."""

from interpreting_clip.config.shifts import TEST_SETS
from interpreting_clip.encoders.saved_activations import read_activations
from interpreting_clip.encoders.saved_heads import read_head
from interpreting_clip.errors import error_context
from interpreting_clip.formats.json import write_json
from interpreting_clip.formats.result import headline_numbers
from interpreting_clip.formats.result_files import read_result, write_result
from interpreting_clip.measures.effective_robustness import Settings, robustness_on_own_shift
from interpreting_clip.statistics.accuracy_draws import measure_accuracy, measure_on_classes
from interpreting_clip.study.dataset_entries import ShiftEncoder
from interpreting_clip.study.shift_results import ShiftResults
from interpreting_clip.training.saved_baseline import Baseline, FittedBaseline
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.outputs import Outputs


def main(key: str, params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write what is measured of the encoder and the shift of entry `key`, for git."""
    entry = params.read(f"shift_encoders.{key}", ShiftEncoder)
    settings, shift = params.read("robustness", Settings), entry.shift
    folder = inputs[f"data/shift_activations/{key}"]
    on_imagenet = inputs[f"data/activations/{entry.encoder}"]
    file = inputs[f"data/shift_baselines/{shift}"] / "baseline.json"
    baseline = read_result(file, FittedBaseline)
    test, imagenet = read_activations(folder, shift), read_activations(on_imagenet, TEST_SETS[0])
    head = read_head(inputs[f"data/heads/{entry.encoder}"], imagenet.values.shape[1])
    with error_context(folder / shift, ValueError):
        accuracy = measure_accuracy(test, head)
    with error_context(on_imagenet / TEST_SETS[0], ValueError):
        start = (
            measure_accuracy(imagenet, head)
            if baseline.starts_at_all(shift, imagenet, test)
            else measure_on_classes(imagenet, test, head)
        )
    robustness = robustness_on_own_shift(
        shift,
        accuracy,
        start,
        lines=baseline.shift_lines,
        standard=baseline.standard,
        reason=baseline.reasons({TEST_SETS[0]: imagenet, shift: test}).get(shift, ""),
        settings=settings,
    )
    headline = headline_numbers(robustness)
    if robustness.robustness is None or robustness.extrapolated:  # no place for its mark
        del headline["robust"]
    write_json(outputs[f"metrics/shifts/{key}.json"], headline, digits=2)
    result = ShiftResults(robustness=robustness, baseline=read_result(file, Baseline))
    write_result(outputs[f"plots/shifts/{key}.json"], result)
