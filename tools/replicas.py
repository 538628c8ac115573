"""The study of replicas, and the table of its results.

The study has five seeds of each encoder that the default study trains and of a few further ones,
which only it has, and all else as it is there. It runs in a clone of its own
(`python -m tools replicas --study params.yaml; make repro`), where --table then writes the table to
commit. If the default study's numbers change, the page says that the table is out of date.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from interpreting_clip.config.params import PARAMS
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.errors import InputError
from interpreting_clip.formats.csv_tables import write_table
from interpreting_clip.formats.json import write_whole
from interpreting_clip.formats.result_files import read_result
from interpreting_clip.study.encoder_results import EncoderResults
from page.further_encoders import FURTHER
from page.replicas import IDENTITY
from tools.jobs import TRAINING_STAGES

TABLE = Path("studies/replicas.csv")
SEEDS = 5

STUDY_TEXTS = {
    "title": "Replicas of the miniature",
    "description": "The encoders of the miniature from five seeds each, to see how far its numbers "
    "spread.",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this verb."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "--study", type=Path, metavar="FILE", help=f"write the study from {PARAMS} to FILE"
    )
    which.add_argument("--table", action="store_true", help=f"write {TABLE} from the results here")


def main(*, study: Path | None = None, table: bool = False) -> None:
    """Write the study or the table."""
    if study:
        whole = replicated(with_further(load_tree(PARAMS), load_tree(FURTHER)))
        # A round trip through JSON copies repeated values, which YAML would write as anchors.
        text = yaml.safe_dump(json.loads(json.dumps(whole)), sort_keys=False, allow_unicode=True)
        write_whole(study, text.encode())
        sys.stdout.write(f"{study}: written\n")
    if table:
        rows = replica_table(load_tree(PARAMS))
        write_table(TABLE, rows, [str(name) for name in rows])
        sys.stdout.write(f"{TABLE}: {len(rows)} replicas\n")


def with_further(study: dict[str, Any], further: dict[str, Any]) -> dict[str, Any]:
    """Return a study with the entries that only the replicas have; its own entries stay."""
    return study | {k: study[k] | more | study[k] for k, more in further.items() if k in study}


def replicated(study: dict[str, Any]) -> dict[str, Any]:
    """Return a study with each trained encoder once for each seed, from that of its recipe on."""
    empty = ("comparisons", "probe", "arrays", "labelled_arrays", "array_downloads", "weights")
    made = study | {"study": STUDY_TEXTS} | {section: {} for section in empty}
    made["browse"] = study["browse"] | {"encoders": []}
    made["encoders"] = {
        name: entry | {"label": f"{entry['label']}, seed {seed_of(key, study) + number}"}
        for key, entry in study["encoders"].items()
        if training_of(key, study)
        for number, name in numbered(key)
    }
    used = {entry["recipe"] for stage in TRAINING_STAGES for entry in study[stage].values()}
    made["recipes"] = {
        name: study["recipes"][key] | {"seed": study["recipes"][key]["seed"] + number}
        for key in study["recipes"]
        if key in used
        for number, name in numbered(key)
    }
    for stage in TRAINING_STAGES:
        made[stage] = {
            name: entry
            | {part: f"{entry[part]}_{number}" for part in ("recipe", "start") if part in entry}
            for key, entry in study[stage].items()
            for number, name in numbered(key)
        }
    return made


def numbered(key: str) -> list[tuple[int, str]]:
    """Return the number and the key of each replica."""
    return [(number, f"{key}_{number}") for number in range(SEEDS)]


def training_of(key: str, study: dict[str, Any]) -> str:
    """Return the stage that trains an encoder of a study, or nothing if none does."""
    return next((stage for stage in TRAINING_STAGES if key in study[stage]), "")


def seed_of(key: str, study: dict[str, Any]) -> int:
    """Return the seed of an encoder's training."""
    return study["recipes"][study[training_of(key, study)][key]["recipe"]]["seed"]


def replica_table(study: dict[str, Any]) -> pd.DataFrame:
    """Return a row for each replica of the study that was run here, with all of its numbers."""
    rows = []
    for key in study["encoders"]:
        stem, _, number = key.rpartition("_")
        if not number.isdecimal() or not training_of(key, study):
            raise InputError(
                f"{PARAMS}: '{key}' is not a replica: write the study with --study in a clone, "
                "run it, and this there"
            )
        results = read_result(Path(f"plots/encoders/{key}.json"), EncoderResults)
        identity = zip(IDENTITY, (stem, seed_of(key, study)), strict=True)
        rows.append(dict(identity) | {number.name: number.value for number in results.numbers})
    return pd.DataFrame(rows)
