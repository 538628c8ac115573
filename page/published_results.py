"""What stage `published` wrote, as the page of published models reads it."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from interpreting_clip.errors import InputError
from interpreting_clip.formats.json import read_json
from interpreting_clip.published.findings import Regression
from interpreting_clip.published.line_choices import CHOICES, DEFAULT
from interpreting_clip.published.models import (
    ChoiceCard,
    Interval,
    ModelCard,
    PublishedModels,
    Shift,
)

SHIFT_ORDER = ("imagenet_v2", "objectnet", "imagenet_a", "imagenet_r", "imagenet_sketch")
"""The shifts in the order of the page: the natural ones stand apart from those of style."""

MEANS = {
    "all": "all shifts",
    "without_objectnet": "without ObjectNet",
    "natural": "natural shifts",
    "style": "style shifts",
}
"""The means over shifts that the page shows, in the order of the table."""


TRAININGS = {
    "zero_shot": "zero-shot",
    "finetuned": "finetuned",
    "finetuned_12k": "finetuned through ImageNet-12k",
    "soup": "soup of finetuned models",
    "captioner": "finetuned on captions",
    "probed": "linear probe",
    "supervised": "supervised",
}
"""The kinds of training as the page names them, in the order of the filters."""


class Model(ModelCard, frozen=True, kw_only=True):
    """A published model, as the page asks for it."""

    def mean(self, name: str, choice: str = DEFAULT) -> Interval | None:
        """Return one of the means of effective robustness, None if it was not measured."""
        found = self.robustness.get(choice)
        return found.means.get(name) if found else None

    def is_extrapolated(self, choice: str = DEFAULT) -> bool:
        """Return whether any line of a choice is extrapolated to the model."""
        found = self.robustness.get(choice)
        return bool(found and found.extrapolated)


class Published(PublishedModels, frozen=True, kw_only=True):
    """The content of `plots/published_models.json`, as the page asks for it."""

    models: list[Model]  # pyright: ignore[reportIncompatibleVariableOverride]  (it is frozen)

    def training(self, key: str) -> str:
        """Return the name of a kind of training."""
        return TRAININGS.get(key) or self.trainings[key]

    @property
    def ordered_choices(self) -> dict[str, ChoiceCard]:
        """The choices in the order of the page, the default first."""
        return {key: self.choices[key] for key in (*CHOICES, *self.choices) if key in self.choices}

    @property
    def ordered_shifts(self) -> dict[str, Shift]:
        """The shifts in the order of the page."""
        return {key: self.shifts[key] for key in SHIFT_ORDER if key in self.shifts}


def coefficient(regression: Regression, name: str) -> Interval:
    """Return a coefficient of a regression with its interval.

    Raises
    ------
    InputError
        The regression has no such variable.
    """
    for one in regression.terms:
        if one.name == name:
            return one.estimate
    raise InputError(
        f"plots/published.json: expected a term {name!r}, got "
        f"{', '.join(one.name for one in regression.terms)}; run `dvc repro published`"
    )


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line, or a plane with a second slope, in the space of its choice; ranges in percent."""

    choice: str
    left_out: str
    shift: str
    slope: float
    second_slope: float | None
    intercept: float
    r_squared: float
    models: int
    families: int
    lowest_imagenet: float
    highest_imagenet: float
    lowest_second: float | None
    highest_second: float | None


LINE_COLUMNS = Line.__struct_fields__
"""The columns of `plots/published_lines.csv`."""

Draws = dict[str, dict[str, dict[str, str]]]
"""`plots/published_draws.json`: by choice, shift and coefficient, base64 of 32-bit floats."""


def read_draws(file: Path) -> Draws:
    """Read the resampled lines.

    Raises
    ------
    InputError
        The file is missing, or holds something else.
    """
    try:
        return msgspec.convert(read_json(file), Draws)
    except msgspec.ValidationError as error:
        raise InputError(f"{file}: {error}; `dvc repro` makes it anew") from None


def read_lines(rows: Iterable[Mapping[str, str]]) -> list[Line]:
    """Return the lines of a table's rows.

    Raises
    ------
    InputError
        A cell holds something else than its column says.
    """
    found = []
    for number, row in enumerate(rows, 1):
        cells = {name: None if row[name] == "" else row[name] for name in LINE_COLUMNS}
        cells["left_out"] = row["left_out"]
        try:
            found.append(msgspec.convert(cells, Line, strict=False))
        except msgspec.ValidationError as error:
            raise InputError(
                f"plots/published_lines.csv: row {number}: {error}; run "
                "`dvc repro --force --single-item published`"
            ) from None
    return found
