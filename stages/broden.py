"""Stage `broden`: the concepts that an encoder's directions and features encode."""

from collections.abc import Sequence
from pathlib import Path

from interpreting_clip.datasets.broden.labels import read_concepts
from interpreting_clip.errors import error_context
from interpreting_clip.formats.csv_tables import write_table
from interpreting_clip.formats.result_files import read_result, write_result
from interpreting_clip.formats.tensors import read_tensors
from interpreting_clip.measures.concepts import Concepts, Settings, as_directions, count_concepts
from interpreting_clip.measures.directions import PrivilegedDirections
from interpreting_clip.statistics.concept_counts import encoded_pairs
from interpreting_clip.statistics.concept_labels import ConceptLabels
from interpreting_clip.statistics.concept_nulls import read_nulls
from runner.inputs import Inputs
from runner.listed_params import ListedParams
from runner.machine_settings import read_machine
from runner.outputs import Outputs


def main(key: str, params: ListedParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write what the directions and features of encoder `key` encode.

    `concepts.json` has the counts and the strongest pairs of a direction or feature and a concept
    that it encodes, with every pair's average precision; `encoded.csv` lists all encoded pairs.
    """
    folder, shown = inputs[f"data/broden_activations/{key}"], inputs["data/broden_labels"]
    privileged, out = inputs[f"data/directions/{key}"], outputs[f"data/concepts/{key}"]
    named = read_concepts(shown)
    labels = read_tensors(shown / "labels.safetensors", "image", "concept")
    null = inputs[f"data/concept_nulls/{key}"] / "best.safetensors"
    settings = params.read("concepts", Settings)
    with error_context(f"{folder} and {shown}", ValueError):
        activations = read_tensors(folder / "activations.safetensors", "activations")["activations"]
        directions = read_result(privileged / "directions.json", PrivilegedDirections)
        result = count_concepts(
            activations,
            ConceptLabels(labels["image"], labels["concept"]),
            as_directions(directions, activations.shape[1]),
            numbers=[concept["number"] for concept in named],
            names=[concept["name"] for concept in named],
            categories=[concept["category"] for concept in named],
            random=read_nulls(null, "directions", "features"),
            settings=settings,
            workers=read_machine().workers,
        )
    write_result(out / "concepts.json", result)
    kept = read_concepts(shown, result.minimum_images)
    write_pairs(out / "encoded.csv", result, [concept["category"] for concept in kept])


PAIR_COLUMNS = ("basis", "number", "side", "concept", "category", "precision")


def write_pairs(file: Path, result: Concepts, categories: Sequence[str]) -> None:
    """Write encoded pairs by basis as CSV: directions by importance from 1, features from 0."""
    import pandas as pd

    named = list(zip(result.concepts, categories, strict=True))
    rows = [
        (name, pair.number, pair.side, pair.concept, pair.category, round(pair.precision, 4))
        for name, basis in result.bases.items()
        for pair in encoded_pairs(
            basis, result.threshold, named, first=1 if name == "directions" else 0
        )
    ]
    write_table(file, pd.DataFrame(rows, columns=list(PAIR_COLUMNS)), PAIR_COLUMNS)
