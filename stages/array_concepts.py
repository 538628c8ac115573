"""Stage `array_concepts`: the labelled concepts that published activations encode."""

from interpreting_clip.errors import error_context
from interpreting_clip.formats.json import write_json
from interpreting_clip.formats.result import plain
from interpreting_clip.formats.result_files import read_result
from interpreting_clip.formats.tensors import read_tensors
from interpreting_clip.measures.concepts import Settings, as_directions, count_concepts
from interpreting_clip.measures.directions import PrivilegedDirections
from interpreting_clip.statistics.concept_nulls import RandomBest
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
    tensors = read_tensors(folder / "random.safetensors")
    directions, features, in_span = (
        RandomBest(tensors[f"{name}.drawn"], tensors[f"{name}.over_all"])
        for name in ("directions", "features", "in_span")
    )
    with error_context(f"{file} and {labelled}", ValueError):
        given = read_labelled(file, labelled, entry)
        result = count_concepts(
            given.activations,
            given.shown,
            as_directions(privileged, given.activations.shape[1]),
            rows=given.head.weight,
            names=given.names,
            random=(directions, features),
            in_span=in_span,
            settings=params.read("concepts", Settings),
            workers=read_machine().workers,
        )
    headline = {n.headline: n.value for n in result.numbers if n.headline}
    write_json(outputs[f"metrics/array_concepts/{key}.json"], headline, digits=2)
    write_json(outputs[f"plots/array_concepts/{key}.json"], plain(result, without_beside=True))
