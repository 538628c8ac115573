"""Replicas: the same encoders from other seeds, and how far their numbers spread.

An interval is over images, lines or draws of one trained encoder; it knows nothing of the encoder
that another seed would have given. The study of replicas trains each encoder of the default study
with five seeds, and a few further encoders that only it has. `python -m tools replicas` writes that
study and the table of its results, and the page shows the spread after the intervals. The paper
trains each encoder once and reports no such spread.

A replica with a shift on which no standard model has a similar ImageNet accuracy decides nothing
about effective robustness: numbers that are read from a line leave it out, and all others keep it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import msgspec
import pandas as pd

from interpreting_clip.config.params import convert
from interpreting_clip.encoders.encoder_entries import EncoderEntry
from interpreting_clip.formats.csv_tables import read_table
from interpreting_clip.formats.result import Estimate
from interpreting_clip.study.encoder_results import EncoderResults
from page.names import format_number

FURTHER = Path("studies/replicas/further.yaml")
"""The encoders that only the study of replicas has."""

IDENTITY = ("encoder", "seed")
"""The columns of the table before the numbers."""

OUTSIDE = "robustness.extrapolated"
"""On how many shifts a replica lies outside the range of the standard models."""


class Replicated(msgspec.Struct, frozen=True, kw_only=True):
    """A number of an encoder over its replicas.

    Attributes
    ----------
    by_seed : the values of the replicas that count
    left_out : how many replicas do not, since the number is read from a line whose standard models
        they lie outside
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

    @property
    def without(self) -> str:
        """How many replicas do not count, such as `without 1 of 5 seeds ‡`; empty if all do."""
        return f"without {self.left_out} of {self.seeds} seeds ‡" if self.left_out else ""


class ReplicatedEncoder(msgspec.Struct, frozen=True, kw_only=True):
    """An encoder with its entry in params.yaml, and its numbers over seeds by their names."""

    key: str
    entry: EncoderEntry
    replicas: dict[str, Replicated] = {}


class FurtherEncoder(ReplicatedEncoder, frozen=True, kw_only=True):
    """An encoder of the study of replicas alone, and the study's own that it is compared with."""

    other: ReplicatedEncoder


def difference_over_seeds(
    first: ReplicatedEncoder, second: ReplicatedEncoder, name: str
) -> Replicated | None:
    """Return a number of the first minus that of the second, for each seed that counts for both."""
    one, other = first.replicas.get(name), second.replicas.get(name)
    if one is None or other is None:
        return None
    differences = {s: x - other.by_seed[s] for s, x in one.by_seed.items() if s in other.by_seed}
    left_out = min(one.seeds, other.seeds) - len(differences)
    return Replicated(by_seed=differences, left_out=left_out)


def over_replicas(estimate: Estimate, found: Replicated | None) -> Estimate:
    """Widen an interval to hold the values of all replicas that count: claims hold beyond both."""
    values = [*estimate.ends, *(found.by_seed.values() if found else ())]
    return Estimate(estimate.value, min(values), max(values))


def is_on_a_line(name: str) -> bool:
    """Return whether a number is read from the lines of effective robustness."""
    measure, _, field = name.partition(".")
    if measure == "prunable":
        return field in ("prunable", "by_robustness")
    return measure == "robustness" and name.endswith((".robustness", ".natural", ".style"))


def format_replicas(found: Replicated | None, digits: int = 1) -> str:
    """Return the standard deviation over replicas with its sign, to stand after an interval.

    It also tells how many replicas are left out, if any. Without replicas the text is empty.
    """
    if found is None:
        return ""
    spread = "" if found.deviation is None else f" ± {format_number(found.deviation, digits)}"
    without = f" ({found.without})" if found.without else ""
    return f"{spread}{without}"


def read_replicas(
    file: Path, seeds: Mapping[str, int], results: Mapping[str, EncoderResults]
) -> tuple[dict[str, dict[str, Replicated]], list[str]]:
    """Read the numbers of all replicas by encoder and name, and the measures that are out of date.

    A measure is out of date, and has no numbers here, if the `results` of the study's encoders are
    not those that the table has for the `seeds` with which the study trains these encoders.
    """
    table = read_table(file, (*IDENTITY, OUTSIDE)).set_index("encoder").apply(pd.to_numeric)
    rows = {str(k): one.set_index("seed") for k, one in table.groupby(level=0, sort=False)}
    changed: set[str] = set()
    for key in rows.keys() & results.keys():
        # Without a row of this seed, all of its numbers are NaN.
        own = rows[key].reindex([seeds.get(key)]).iloc[0]
        changed |= {
            _measure(one.name)
            for one in results[key].numbers
            if one.name in own
            and _shown(own[one.name], one.digits) != _shown(one.value, one.digits)
        }
    current = [name for name in table.columns.drop("seed") if _measure(name) not in changed]
    replicas = {key: _replicated(one[current], one[OUTSIDE] > 0) for key, one in rows.items()}
    return replicas, sorted(changed)


def _measure(name: str) -> str:
    return name.partition(".")[0]


def _shown(value: float | int | None, digits: int) -> str:
    return format_number(None if pd.isna(value) else value, digits)


def _replicated(numbers: pd.DataFrame, outside: pd.Series) -> dict[str, Replicated]:
    """Return the numbers of an encoder, of which there is a row for each seed."""
    found = {}
    for name, column in numbers.items():
        left_out = outside & is_on_a_line(str(name))
        values = column[~left_out]
        if not values.hasnans:
            found[str(name)] = Replicated(
                by_seed={int(str(seed)): float(value) for seed, value in values.items()},
                left_out=int(left_out.sum()),
            )
    return found


def read_further(
    further: Mapping[str, Any],
    replicas: Mapping[str, dict[str, Replicated]],
    own: Sequence[ReplicatedEncoder],
) -> list[FurtherEncoder]:
    """Return the further encoders that can be compared with a study's `own`.

    There are none unless the table has current numbers of the one that they are compared with.
    """
    entries = convert(further["encoders"], dict[str, EncoderEntry], "encoders", FURTHER)
    others = [e for e in own if e.key == further["compared_with"] and e.replicas]
    keys = {e.key for e in own}
    return [
        FurtherEncoder(key=key, entry=entry, replicas=replicas[key], other=other)
        for other in others
        for key, entry in entries.items()
        if key in replicas and key not in keys
    ]
