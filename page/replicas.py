"""Replicas: the same encoders from other seeds, and how far their numbers spread.

An interval is over images, lines or draws of one trained encoder; it does not cover the encoder
that another seed would have given. The study of replicas trains each encoder of the default study
with five seeds, and a few further encoders that only it has. `python -m tools replicas` writes that
study and the table of its results, and the page shows means over seeds. The paper trains each
encoder once and reports no such spread.

A replica with a shift on which no standard model has a similar ImageNet accuracy decides nothing
about effective robustness: numbers that are read from a line leave it out, and all others keep it.
"""

from collections.abc import Mapping
from pathlib import Path
from statistics import mean, stdev

import msgspec
import pandas as pd

from interpreting_clip.encoders.encoder_entries import EncoderEntry
from interpreting_clip.formats.csv_tables import read_table
from interpreting_clip.formats.result_tables import format_number
from interpreting_clip.study.encoder_results import EncoderResults

IDENTITY = ("encoder", "seed")
"""The columns of the table before the numbers."""

ON_LINES = (".robustness", ".natural", ".style", ".curved.limit")
"""How the names of numbers end that are read from the lines of effective robustness."""

OUTSIDE = "robustness.extrapolated"
"""The number of shifts on which a replica lies outside the range of the standard models."""


class Replicated(msgspec.Struct, frozen=True, kw_only=True):
    """A number of an encoder over its replicas.

    Attributes
    ----------
    by_seed : the values of the replicas that count
    left_out : how many replicas do not count, since the number is read from a line and they lie
        outside the range of its standard models
    """

    by_seed: dict[int, float]
    left_out: int = 0

    @property
    def mean(self) -> float | None:
        """The mean of the replicas that count, if there is one."""
        return mean(self.by_seed.values()) if self.by_seed else None

    @property
    def deviation(self) -> float | None:
        """The standard deviation, of n - 1 degrees of freedom; a single replica has none."""
        return stdev(self.by_seed.values()) if len(self.by_seed) > 1 else None

    @property
    def seeds(self) -> int:
        """How many replicas there are, whether they count or not."""
        return len(self.by_seed) + self.left_out


class ReplicatedEncoder(msgspec.Struct, frozen=True, kw_only=True):
    """An encoder with its entry in params.yaml, and its numbers over seeds by their names."""

    key: str
    entry: EncoderEntry
    replicas: dict[str, Replicated] = {}


def difference_over_seeds(
    first: ReplicatedEncoder, second: ReplicatedEncoder, name: str
) -> Replicated | None:
    """Return a number of the first minus the second's, for each seed that counts for both."""
    minuend, subtrahend = first.replicas.get(name), second.replicas.get(name)
    if minuend is None or subtrahend is None:
        return None
    differences = {
        s: x - subtrahend.by_seed[s] for s, x in minuend.by_seed.items() if s in subtrahend.by_seed
    }
    left_out = min(minuend.seeds, subtrahend.seeds) - len(differences)
    return Replicated(by_seed=differences, left_out=left_out)


def is_on_a_line(name: str) -> bool:
    """Return whether a number is read from the lines of effective robustness."""
    measure, _, field = name.partition(".")
    if measure == "prunable":
        return field.removeprefix("other_") in ("prunable", "by_robustness")
    return measure == "robustness" and name.endswith(ON_LINES)


def read_replicas(
    file: Path, seeds: Mapping[str, int], results: Mapping[str, EncoderResults]
) -> tuple[dict[str, dict[str, Replicated]], list[str]]:
    """Read the numbers of all replicas by encoder and name, and the measures that are out of date.

    A measure is out of date, and has no numbers here, if the `results` of the study's encoders are
    not those that the table has for the `seeds` with which the study trains these encoders.
    """
    table = read_table(file, (*IDENTITY, OUTSIDE)).set_index("encoder").apply(pd.to_numeric)
    rows = {str(k): group.set_index("seed") for k, group in table.groupby(level=0, sort=False)}
    changed: set[str] = set()
    for key in rows.keys() & results.keys():
        # Without a row of this seed, all of its numbers are NaN.
        replica = rows[key].reindex([seeds.get(key)]).iloc[0]
        changed |= {
            _measure(number.name)
            for number in results[key].numbers
            if number.name in replica
            and _shown(replica[number.name], number.digits) != _shown(number.value, number.digits)
        }
    current = [name for name in table.columns.drop("seed") if _measure(name) not in changed]
    replicas = {key: _replicated(row[current], row[OUTSIDE] > 0) for key, row in rows.items()}
    return replicas, sorted(changed)


def _measure(name: str) -> str:
    return name.partition(".")[0]


def _shown(value: float | int | None, digits: int) -> str:
    return format_number(None if pd.isna(value) else value, digits)


def _replicated(numbers: pd.DataFrame, outside: pd.Series) -> dict[str, Replicated]:
    """Return the numbers of an encoder from its rows, one for each seed."""
    replicated = {}
    for name, column in numbers.items():
        left_out = outside & is_on_a_line(str(name))
        values = column[~left_out]
        if not values.hasnans:
            replicated[str(name)] = Replicated(
                by_seed={int(str(seed)): float(value) for seed, value in values.items()},
                left_out=int(left_out.sum()),
            )
    return replicated
