"""Stage `concept_nulls`: the concepts that random directions of an encoder encode."""

from typing import Any

from interpreting_clip.datasets.broden.labels import read_concepts
from interpreting_clip.errors import error_context
from interpreting_clip.formats.result_files import read_result
from interpreting_clip.formats.tensors import read_tensors
from interpreting_clip.measures.concepts import (
    OF_NULLS,
    choose_concepts,
    null_settings,
    random_concepts,
)
from interpreting_clip.measures.directions import PrivilegedDirections
from interpreting_clip.statistics.concept_labels import ConceptLabels
from interpreting_clip.statistics.concept_nulls import RandomBest, write_nulls
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.machine_settings import read_machine
from runner.outputs import Outputs


def main(key: str, params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write the highest average precisions of random directions in encoder `key`'s activations.

    Concepts on few images have them, too. A change of the threshold or of the fewest images leaves
    them as they are.
    """
    folder, shown = inputs[f"data/broden_activations/{key}"], inputs["data/broden_labels"]
    file = inputs[f"data/directions/{key}"] / "directions.json"
    directions = read_result(file, PrivilegedDirections, arrays=False).directions
    activations = read_tensors(folder / "activations.safetensors", "activations")["activations"]
    labels = read_tensors(shown / "labels.safetensors", "image", "concept")
    numbers = [concept["number"] for concept in read_concepts(shown)]
    settings = null_settings({name: params.read(f"concepts.{name}", Any) for name in OF_NULLS})
    with error_context(f"{folder} and {shown}", ValueError):
        chosen = choose_concepts(
            activations,
            ConceptLabels(labels["image"], labels["concept"]),
            numbers=numbers,
            settings=settings,
        )
        sizes = [directions, activations.shape[1]]
        workers = read_machine().workers
        nulls = random_concepts(activations, chosen, sizes, settings=settings, workers=workers)
    named: dict[str, RandomBest] = dict(zip(("directions", "features"), nulls, strict=True))
    write_nulls(outputs[f"data/concept_nulls/{key}"] / "best.safetensors", named)
