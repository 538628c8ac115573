"""Standard models that a user has measured, and the line through them to each shift."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from interpreting_clip.arrays.conversions import MAX_QUOTED, as_mapping
from interpreting_clip.errors import listed, one_line
from interpreting_clip.statistics.curved_line import ShiftLines
from interpreting_clip.statistics.guessing import Guessing
from interpreting_clip.statistics.logit_line import MIN_MODELS
from interpreting_clip.statistics.published_accuracies import (
    lines_above_chance,
    models_on_lines,
    without_guessing,
)
from interpreting_clip.statistics.standard_limit import StandardModels

if TYPE_CHECKING:
    import pandas as pd

ORIGINAL = "original"
"""The column of the accuracy on the original images, from which the lines start."""

ABOUT = ("model", "family")
"""The optional columns with the models' names and families."""

UNKNOWN = Guessing(10_000, 10**9)
"""For a shift whose number of classes is not known: 0.01 % is above chance, and 0 is not."""

TableLike = Any
"""A table of pandas, or a mapping from the names of columns to lists."""


@dataclass(frozen=True, eq=False)
class OwnLines:
    """The lines through a user's standard models.

    Attributes
    ----------
    lines : of the shifts on which models of three families are above chance
    standard : the models with their own effective robustness
    models, families : how many are above chance, by shift
    at_chance : the names of the models that are not
    """

    lines: ShiftLines
    standard: StandardModels
    models: Mapping[str, int]
    families: Mapping[str, int]
    at_chance: Mapping[str, list[str]]

    @property
    def reasons(self) -> dict[str, str]:
        """Why a shift has no line, by shift."""
        return {
            shift: (
                f"{self.models[shift]} standard models of {families} families are above chance on "
                f"it, and a line needs models of {MIN_MODELS} families that are"
            )
            for shift, families in self.families.items()
            if shift not in self.lines.lines
        }


def own_models(standard: TableLike, shifts: Sequence[str]) -> "pd.DataFrame":
    """Return a user's standard models: `name`, perhaps `family`, and accuracies in percent.

    Parameters
    ----------
    standard : columns `original` and one for each shift, with NaN or an empty text where a model
        was not measured; perhaps `model`, and `family`, without which models are independent
    shifts : the names of the shifts

    Raises
    ------
    TypeError, ValueError
        It is no table, lacks a column, has fewer than three models or one twice, has fractions in
        place of percent, or a cell is wrong.
    """
    import pandas as pd

    if taken := [name for name in ("name", *ABOUT) if name in shifts]:
        raise ValueError(f"{taken[0]}: give this shift another name, which no other column has")
    if not isinstance(standard, pd.DataFrame):
        columns = as_mapping(standard, "standard")
        lengths = {len(values) for values in columns.values()}
        if len(lengths) > 1:
            raise ValueError(
                f"standard: expected as many models in each column, got {sorted(lengths)}"
            )
        standard = pd.DataFrame(columns)
    table, needed = standard.reset_index(drop=True), [ORIGINAL, *shifts]
    if missing := [name for name in needed if name not in table]:
        raise ValueError(
            f"standard: expected the columns {', '.join(needed)}; missing: {', '.join(missing)}; "
            f"it has {listed([one_line(str(name)) for name in table]) or 'none'}"
        )
    if len(table) < MIN_MODELS:
        raise ValueError(
            f"standard: expected {MIN_MODELS} models or more, got {len(table)}; add standard models"
        )
    names = [f"model {number}" for number in range(1, len(table) + 1)]
    models = pd.DataFrame({"name": table["model"].astype(str) if "model" in table else names})
    if (twice := models["name"].duplicated()).any():
        refuse(table, "model", int(twice.argmax()), "another model, each once")
    if "family" in table:
        unnamed = table["family"].isna() | (table["family"] == "")
        if unnamed.any():
            refuse(table, "family", int(unnamed.argmax()), "the model's family")
        models["family"] = table["family"]
    for name in needed:
        models[name] = percentages(table, name)
    if models[ORIGINAL].min() == models[ORIGINAL].max():
        raise ValueError(
            f"standard: `{ORIGINAL}`: all models have the same accuracy, which no line fits; add "
            "other models"
        )
    return models


def percentages(table: "pd.DataFrame", name: str) -> "pd.Series[float]":
    """Return a column of accuracies in percent; only of shifts they may be unknown."""
    import pandas as pd

    empty = table[name].isna() | (table[name] == "")
    values = pd.to_numeric(table[name], errors="coerce").astype(float)
    wrong = ~values.between(0, 100) & ~(empty & (name != ORIGINAL))
    if wrong.any():
        refuse(table, name, int(wrong.argmax()), "a percentage from 0 to 100")
    if values.max() <= 1:
        raise ValueError(
            f"standard: `{name}`: expected percentages, but no model has more than 1 %; multiply "
            "fractions by 100"
        )
    return values


def refuse(table: "pd.DataFrame", column: str, row: int, expected: str) -> None:
    """Refuse a table whose cell is wrong."""
    cell = one_line(repr(table[column].tolist()[row]))[:MAX_QUOTED]
    raise ValueError(f"standard: row {row + 1}: `{column}`: expected {expected}, got {cell}")


def own_lines(
    models: "pd.DataFrame", guessing: Mapping[str, Guessing], *, resamples: int, seed: int
) -> OwnLines:
    """Fit each shift's line as a study does for its own shifts (`lines_above_chance`).

    Parameters
    ----------
    models : as `own_models`
    guessing : the chance level of each shift
    resamples, seed : as in `resample_lines`
    """
    starts = dict.fromkeys(guessing, ORIGINAL)
    lines = lines_above_chance(models, guessing, starts, resamples=resamples, seed=seed)
    above = without_guessing(models, guessing)
    low = {shift: above[shift].isna() & models[shift].notna() for shift in guessing}
    groups = models.get("family", models["name"])
    return OwnLines(
        lines=lines,
        standard=models_on_lines(above, starts, lines),
        models={shift: int(above[shift].notna().sum()) for shift in guessing},
        families={shift: int(groups[above[shift].notna()].nunique()) for shift in guessing},
        at_chance={shift: models.loc[low[shift], "name"].tolist() for shift in guessing},
    )
