"""Effective robustness of any model from its accuracies on ImageNet and on its shifts.

    python -m tools.effective_robustness --imagenet 76.2 --imagenet_v2 70.1 --imagenet_a 23.3

Accuracies are top-1 in percent; ImageNet's is over all 1,000 classes. The lines come from stage
`published` (plots/published_lines.csv). The intervals in brackets are those of the lines: the
accuracies are taken as exact.

`interpreting-clip measure --accuracy imagenet=76.2 …` needs no repository, and has the testbed's
lines alone.
"""

import sys

from tabulate import tabulate

from interpreting_clip.config.params import Params
from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.errors import InputError, one_line
from interpreting_clip.formats.published_accuracies import (
    Settings,
    standard_models,
    timm_models,
    timm_standard_models,
)
from interpreting_clip.instruments.from_accuracies import percentage
from interpreting_clip.kernels import Kernels, restart_with_kernels
from page.names import BASELINES, format_interval, format_number
from page.names import TESTBED_SHIFTS as NAMES
from page.robustness_tables import mark
from runner.process import launch
from stages.published import FittedLines, estimate, published_baselines
from tools.options import Options

OPTIONS = ", ".join(f"--{shift}" for shift in TESTBED_SHIFTS)


def main(*arguments: str) -> None:
    """Print a model's effective robustness on the lines of both baselines."""
    parser = Options(
        prog="python -m tools.effective_robustness", description=__doc__, allow_abbrev=False
    )
    for name in ("imagenet", *TESTBED_SHIFTS):
        parser.add_argument(f"--{name}", type=float, metavar="PERCENT")
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        raise InputError(f"{one_line(' '.join(unknown))}: unknown; the shifts are {OPTIONS}")
    model = {name: value for name, value in vars(options).items() if value is not None}
    require_percentages(model)
    settings = Params().read("published", Settings)
    timm = timm_standard_models(timm_models())
    baselines = published_baselines(settings, standard_models(), timm)
    tables = [
        robustness_table(f"On the line of {BASELINES[name]}", model, baseline, settings)
        for name, baseline in baselines.items()
    ]
    sys.stdout.write("\n".join(tables))


def require_percentages(model: dict[str, float]) -> None:
    """Refuse values that are not percentages, and models without ImageNet or without any shift.

    Raises
    ------
    InputError
        Names the option.
    """
    if "imagenet" not in model:
        raise InputError("--imagenet: missing; give the top-1 accuracy on ImageNet in percent")
    if len(model) == 1:
        raise InputError(f"no shift: give the accuracy on at least one of {OPTIONS}")
    for name, value in model.items():
        try:
            percentage(name, value)
        except ValueError as error:
            raise InputError(f"--{error}") from None


def robustness_table(
    title: str, model: dict[str, float], baseline: FittedLines, settings: Settings
) -> str:
    """Return the model's effective robustness per shift, and its mean, on one baseline's lines."""
    shifts = [shift for shift in TESTBED_SHIFTS if shift in model and shift in baseline.lines]
    if not shifts:
        return f"{title}: none of these shifts has one.\n"
    found = estimate(model, shifts, baseline, settings)
    rows = [
        (NAMES[s], format_number(model[s]), one, mark(s in found.extrapolated))
        for s, one in found.shifts.items()
    ]
    number = f"mean of {len(shifts)}"
    table = tabulate(
        [
            (name, accuracy, f"{format_interval(one.value, one.low, one.high)}{sign}")
            for name, accuracy, one, sign in (
                *rows,
                (number, "", found.mean, mark(bool(found.extrapolated))),
            )
        ],
        headers=("shift", "accuracy, %", "effective robustness, points"),
        disable_numparse=True,
    )
    lines = [baseline.lines[shift] for shift in shifts]
    low, high = 100 * min(line.low for line in lines), 100 * max(line.high for line in lines)
    span = (
        f"{max(line.models for line in lines)} models, {format_number(low)} to "
        f"{format_number(high)} % on ImageNet"
    )
    legend = (
        f"‡ extrapolated: no model of the line is at {format_number(model['imagenet'])} %\n"
        if found.extrapolated
        else ""
    )
    return f"{title} ({span})\n\n{table}\n{legend}"


def start(*arguments: str) -> None:
    """Run `main` in a process that has the kernels of the study."""
    restart_with_kernels(Params().read("kernels", Kernels))
    main(*arguments)


if __name__ == "__main__":
    launch(start)
