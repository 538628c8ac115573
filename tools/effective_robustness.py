"""Effective robustness of any model from its accuracies, under every choice of the line.

    python -m tools.effective_robustness --imagenet 76.2 --imagenet_v2 70.1 --imagenet_a 23.3

Accuracies are top-1 in percent; ImageNet's is over all 1,000 classes, unless its name says
otherwise. The choices are those of the page of published models. The intervals in brackets are
those of the lines: the accuracies are taken as exact.

`interpreting-clip measure --accuracy imagenet=76.2 …` needs no repository, and has the default line
alone.
"""

import sys
from collections.abc import Sequence

import numpy as np
from tabulate import tabulate

from interpreting_clip.config.params import Params
from interpreting_clip.config.shifts import SHIFT_NAMES, TESTBED_SHIFTS
from interpreting_clip.errors import InputError, one_line
from interpreting_clip.formats.published_accuracies import Model, Settings
from interpreting_clip.instruments.from_accuracies import percentage
from interpreting_clip.kernels import Kernels, restart_with_kernels
from interpreting_clip.published.line_choices import (
    CHOICES,
    DEFAULT,
    SHIFT_KINDS,
    Robustness,
    abscissas,
    fit_choice,
    robustness,
)
from interpreting_clip.published.models import standard_models_by_source
from interpreting_clip.published.sources import ACCURACIES, read_published
from page.names import format_interval, format_number
from page.robustness_tables import mark
from runner.process import launch
from tools.options import Options

OPTIONS = ", ".join(f"--{shift}" for shift in TESTBED_SHIFTS)


def main(*arguments: str) -> None:
    """Print a model's effective robustness on each shift, and its means under every choice."""
    parser = Options(
        prog="python -m tools.effective_robustness", description=__doc__, allow_abbrev=False
    )
    for name in ACCURACIES:
        parser.add_argument(f"--{name}", type=float, metavar="PERCENT")
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        raise InputError(f"{one_line(' '.join(unknown))}: unknown; the shifts are {OPTIONS}")
    model = vars(options)
    require_percentages({name: value for name, value in model.items() if value is not None})
    settings = Params().read("published", Settings)
    standard = standard_models_by_source(read_published())
    rows, default, beyond = [], [], False
    for key, choice in CHOICES.items():
        shifts = [
            shift
            for shift in choice.shifts
            if None not in [model[name] for name in (shift, *abscissas(choice, shift))]
        ]
        if not shifts:
            continue
        fits = fit_choice(choice, standard[choice.standard], settings)
        found = robustness(choice, fits, [model])
        cells = [
            cell(found, [s for s in shifts if kind in ("", SHIFT_KINDS[s])], settings)
            for kind in ("", "natural", "style")
        ]
        rows.append((choice.label, len(shifts), *cells))
        beyond |= any(bool(found.extrapolated[shift][0]) for shift in shifts)
        if key == DEFAULT:
            low, high = (
                format_number(100 * end([fits[s].ranges[0][i] for s in shifts]))
                for i, end in enumerate((min, max))
            )
            models = max(fits[shift].models for shift in shifts)
            span = f"{models} models, {low} to {high} % on ImageNet"
            default += [span, shift_table(model, found, shifts, settings)]
    means = tabulate(
        rows, headers=("line", "shifts", "mean, points", "natural", "style"), disable_numparse=True
    )
    legend = "‡ extrapolated: that line has no standard model of such an accuracy\n"
    sys.stdout.write(
        "On the default line ({})\n\n{}\n\n".format(*default)
        + f"{means}\n{legend if beyond else ''}"
    )


def shift_table(model: Model, found: Robustness, shifts: Sequence[str], settings: Settings) -> str:
    """Return the table of the default line, a row per shift."""
    return tabulate(
        [
            (SHIFT_NAMES[shift], format_number(model[shift]), cell(found, [shift], settings))
            for shift in shifts
        ],
        headers=("shift", "accuracy, %", "effective robustness, points"),
        disable_numparse=True,
    )


def cell(found: Robustness, shifts: Sequence[str], settings: Settings) -> str:
    """Return a mean over shifts with its interval and its mark; a dash without any shift."""
    if not shifts:
        return "–"
    value, draws = found.mean(shifts)
    outside = (1 - settings.confidence) / 2
    low, high = np.quantile(draws[:, 0], [outside, 1 - outside])
    extrapolated = any(bool(found.extrapolated[shift][0]) for shift in shifts)
    return f"{format_interval(float(value[0]), float(low), float(high))}{mark(extrapolated)}"


def require_percentages(model: dict[str, float]) -> None:
    """Refuse values that are not percentages, and models without ImageNet or without any shift.

    Raises
    ------
    InputError
        Names the option.
    """
    if "imagenet" not in model:
        raise InputError("--imagenet: missing; give the top-1 accuracy on ImageNet in percent")
    if not any(shift in model for shift in TESTBED_SHIFTS):
        raise InputError(f"no shift: give the accuracy on at least one of {OPTIONS}")
    for name, value in model.items():
        try:
            percentage(name, value)
        except ValueError as error:
            raise InputError(f"--{error}") from None


def start(*arguments: str) -> None:
    """Run `main` in a process that has the kernels of the study."""
    restart_with_kernels(Params().read("kernels", Kernels))
    main(*arguments)


if __name__ == "__main__":
    launch(start)
