"""Stage `array_concepts`: the labelled concepts that published activations encode."""

from interpreting_clip.errors import error_context
from interpreting_clip.formats.json import write_json
from interpreting_clip.formats.result import headline_numbers, plain
from interpreting_clip.formats.result_files import read_result
from interpreting_clip.measures.concepts import Settings, as_directions, count_concepts
from interpreting_clip.measures.directions import PrivilegedDirections
from interpreting_clip.statistics.concept_nulls import read_nulls
from interpreting_clip.study.labelled_arrays import LabelledArrays, read_labelled
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.machine_settings import read_machine
from runner.outputs import Outputs


def main(key: str, params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write what the features of entry `key`, its head's directions and its rows encode."""
    entry = params.read(f"labelled_arrays.{key}", LabelledArrays)
    file, labelled = inputs[entry.file], inputs[entry.labelled]
    folder = inputs[f"data/labelled_arrays/{key}"]
    privileged = read_result(folder / "directions.json", PrivilegedDirections)
    names = "directions", "features", "in_span"
    *random, in_span = read_nulls(folder / "random.safetensors", *names)
    with error_context(f"{file} and {labelled}", ValueError):
        given = read_labelled(file, labelled, entry)
        result = count_concepts(
            given.activations,
            given.shown,
            as_directions(privileged, given.activations.shape[1]),
            rows=given.head.weight,
            names=given.names,
            random=random,
            in_span=in_span,
            settings=params.read("concepts", Settings),
            workers=read_machine().workers,
        )
    write_json(outputs[f"metrics/array_concepts/{key}.json"], headline_numbers(result), digits=2)
    write_json(outputs[f"plots/array_concepts/{key}.json"], plain(result, without_beside=True))
