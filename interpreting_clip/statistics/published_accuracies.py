"""The published accuracies of standard models: the testbed's table, which is in the package."""

from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated

import numpy as np
from jaxtyping import Float, Int

from interpreting_clip.config.shifts import SHIFTS, TESTBED_SHIFTS, on_classes
from interpreting_clip.errors import InputError
from interpreting_clip.formats.csv_tables import read_table
from interpreting_clip.quantities import Confidence, Described, Resamples, Seed, StrictStruct
from interpreting_clip.statistics.curved_line import ShiftLines, baseline_lines
from interpreting_clip.statistics.guessing import Guessing, above_chance
from interpreting_clip.statistics.logit_line import MIN_MODELS, Models
from interpreting_clip.statistics.standard_limit import StandardModels
from interpreting_clip.statistics.standard_spread import line_residuals

if TYPE_CHECKING:
    import pandas as pd

# pandas takes 0.4 s to import, and most stages that import this module read no table.

TESTBED = Path("interpreting_clip/reference/imagenet_testbed_accuracies.csv")
"""In the package: without the testbed's standard models there is no effective robustness."""

INSTALLED = Path(__file__).parents[1] / "reference" / TESTBED.name
"""The same file, wherever the package is installed."""

TIMM_SHIFTS = tuple(shift for shift in TESTBED_SHIFTS if shift != "objectnet")
"""The shifts on which timm's models were measured, as well as the testbed's and OpenCLIP's."""

FEWER_CLASSES = tuple(
    name
    for name, shift in sorted(SHIFTS.items(), key=lambda item: -item[1].classes)
    if shift.classes < 1000
)
"""The shifts whose images show only some of ImageNet's classes, the one with most first."""

GUESSING = {name: Guessing(shift.images, shift.classes) for name, shift in SHIFTS.items()}
"""The images and the classes of each shift, as published."""


class Settings(StrictStruct, frozen=True, kw_only=True):
    """The intervals of published models' effective robustness."""

    resamples: Annotated[
        Resamples, Described("lines drawn for the intervals, as in `baseline`", "lines")
    ] = 1000
    seed: Annotated[Seed, Described("of the resamples")] = 0
    confidence: Annotated[Confidence, Described("of the interval", "probability")] = 0.95


def standard_models(file: Path = INSTALLED) -> "pd.DataFrame":
    """Return the testbed's standard models: trained on ImageNet's train set, no interventions.

    Each has its `name`, its `family` and its top-1 accuracy in percent on `imagenet`, on each shift
    and on ImageNet's images of each shift's classes (`on_classes`), NaN where unknown.
    """
    measured = ["imagenet", *TESTBED_SHIFTS, *(on_classes(shift) for shift in FEWER_CLASSES)]
    table = read_models(file, ["training", "family", *measured], measured)
    models = table.loc[table["training"] == "standard", ["name", "family", *measured]]
    for shift in TESTBED_SHIFTS:
        if shift not in FEWER_CLASSES:
            models[on_classes(shift)] = models["imagenet"]
    return models.reset_index(drop=True)


def read_models(
    file: Path,
    columns: Collection[str],
    accuracies: Collection[str],
    required: Collection[str] = ("imagenet",),
    unique: Collection[str] = ("name", "image_size"),
) -> "pd.DataFrame":
    """Read a table of models, as text but for their accuracies; `name` stands for `model`.

    Parameters
    ----------
    file : CSV in UTF-8
    columns : that it has to have besides `model`
    accuracies : columns in percent, some of them optional; an empty cell is NaN
    required : the accuracies whose cells may not be empty
    unique : columns that no two rows may have in common; one model may have several image sizes
    """
    import pandas as pd

    table = read_table(file, ["model", *columns])
    if "name" in table:
        raise InputError(f"{file}: unknown column 'name'; the names of models are in `model`")
    table["name"] = table.pop("model").str.strip()
    wrong = (table["name"] == "") | table.duplicated(
        [column for column in unique if column in table]
    )
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        raise InputError(
            f"{file}: row {row + 1}: expected the name of another model, got "
            f"{table['name'][row]!r}; each counts once"
        )
    for column in [name for name in accuracies if name in table]:
        values = pd.to_numeric(table[column], errors="coerce").astype(float)
        wrong = ~values.between(0, 100) & ((table[column] != "") | (column in required))
        refuse_models(file, table, wrong, column, "a percentage from 0 to 100")
        table[column] = values
    return table


def refuse_models(
    file: Path, models: "pd.DataFrame", wrong: "pd.Series[bool]", column: str, expected: str
) -> None:
    """Refuse a table if a model's cell is wrong.

    Raises
    ------
    InputError
        The cell of some model is wrong; names the first of them.
    """
    if wrong.any():
        first = models[wrong].iloc[0]
        raise InputError(
            f"{file}: {first['name']}: `{column}`: expected {expected}, got {first[column]!r}"
        )


def fractions_above_chance(
    models: "pd.DataFrame", shift: str, guessing: Guessing | None = None
) -> Float[np.ndarray, " model"]:
    """Return the models' accuracies on a shift, NaN where unknown or not above chance."""
    known = models[shift].to_numpy(float) / 100
    return np.where(above_chance(known, guessing or GUESSING[shift]), known, np.nan)


def lines_above_chance(
    models: "pd.DataFrame",
    guessing: Mapping[str, Guessing],
    starts: Mapping[str, str],
    *,
    resamples: int,
    seed: int,
) -> ShiftLines:
    """Fit each shift's line to the models that are above chance on it, and resample it.

    An accuracy at chance says nothing about robustness. The rule is ours. Of the testbed's models,
    it leaves out the ResNet-50 that ImageNet-A was selected against, on ImageNet-A. A shift on
    which models of fewer than `MIN_MODELS` families are above chance has no line.

    Parameters
    ----------
    models : as `standard_models`, measured on all of the shifts; without the column `family` they
        are independent, each a family of its own
    guessing : the chance level of each shift
    starts : the name of the ImageNet accuracy that a shift's line starts from
    resamples, seed : as in `resample_lines`

    Raises
    ------
    ValueError
        The models do not allow a line.
    """
    above = {s: fractions_above_chance(models, s, chance) for s, chance in guessing.items()}
    families = family_numbers(models)
    groups = np.arange(len(models)) if families is None else families
    with_line = [s for s, y in above.items() if len(np.unique(groups[~np.isnan(y)])) >= MIN_MODELS]
    return baseline_lines(
        {shift: models[starts[shift]].to_numpy(float) / 100 for shift in with_line},
        # A model that is left out keeps its place, and so all others their resamples.
        {shift: above[shift] for shift in with_line},
        resamples,
        seed,
        families,
    )


def family_numbers(models: "pd.DataFrame") -> Int[np.ndarray, " model"] | None:
    """Return the family of each model, numbered from 0; None for models of no families."""
    return models["family"].factorize()[0] if "family" in models else None


def models_on_lines(
    models: "pd.DataFrame", starts: Mapping[str, str], lines: ShiftLines
) -> StandardModels:
    """Return the standard models with their own effective robustness on each shift.

    Parameters
    ----------
    models : as `standard_models`, with NaN where a model is not above chance and so off the line
    starts : the name of the ImageNet accuracy that a shift's line starts from
    lines : fitted to these models
    """
    fractions = models.reindex(columns=["imagenet", *starts, *starts.values()]).astype(float) / 100
    fractions = fractions.loc[:, ~fractions.columns.duplicated()]

    def residuals(of: ShiftLines) -> dict[str, Models]:
        return {
            shift: line_residuals(
                fractions[starts[shift]].to_numpy(), fractions[shift].to_numpy(), line
            )
            for shift, line in of.lines.items()
        }

    return StandardModels(
        imagenet=fractions["imagenet"].to_numpy(),
        residuals=residuals(lines),
        curved_residuals=residuals(lines.curved),
        families=family_numbers(models),
    )


def without_guessing(
    models: "pd.DataFrame", guessing: Mapping[str, Guessing] = MappingProxyType(GUESSING)
) -> "pd.DataFrame":
    """Return models with NaN for accuracies on shifts that are not above chance."""
    above = {
        shift: models[shift].where(~np.isnan(fractions_above_chance(models, shift, chance)))
        for shift, chance in guessing.items()
    }
    return models.assign(**above)


def published_lines(
    starts: Mapping[str, str], *, resamples: int = 1000, seed: int = 0
) -> ShiftLines:
    """Return the testbed's line of each shift in `starts`, and its resamples.

    Parameters
    ----------
    starts : the name of the ImageNet accuracy that a shift's line starts from, `imagenet` or that
        on the shift's classes (`on_classes`)
    resamples, seed : as in `resample_lines`
    """
    guessing = {shift: GUESSING[shift] for shift in starts}
    return lines_above_chance(standard_models(), guessing, starts, resamples=resamples, seed=seed)
