"""`data/baselines/<shift>.csv`: accuracies of standard models on a shift of the study's own."""

from pathlib import Path

from interpreting_clip.errors import InputError
from interpreting_clip.formats.published_accuracies import Model, read_percentage
from interpreting_clip.formats.tables import read_table
from interpreting_clip.measures.logit_line import MIN_MODELS

ALL, SUBSET, SHIFT = "imagenet", "imagenet_on_classes", "shift"
"""The columns of accuracies: on ImageNet, on its images of the shift's classes, on the shift."""


def read_baseline_table(folder: Path, shift: str, abscissa: str) -> list[Model]:
    """Return the standard models of a shift, as `published_accuracies.standard_models` does.

    Parameters
    ----------
    folder : `data/baselines`
    shift : its name in the study
    abscissa : the ImageNet accuracy that its line starts from, `imagenet` or that on the shift's
        classes (`on_classes`): the column that the table needs besides `model` and `shift`

    Raises
    ------
    InputError
        There is no such table, it lacks a column, has too few models or one twice, or a cell is no
        percentage.
    """
    file, name = folder / f"{shift}.csv", ALL if abscissa == ALL else SUBSET
    if not file.exists():
        raise InputError(
            f"{file}: expected the accuracies of standard models on this shift, got no file; write "
            f"it (data/baselines/README.md), or say `baseline: none` in 'shifts.{shift}'"
        )
    rows = read_table(file, ["model", name, SHIFT])
    models: dict[str, Model] = {}
    for number, row in enumerate(rows, 1):
        model = row["model"].strip()
        if not model or model in models:
            raise InputError(
                f"{file}: row {number}: expected the name of another model, got {model!r}; each "
                "counts once"
            )
        found = {key: read_percentage(file, model, key, row[key]) for key in (name, SHIFT)}
        models[model] = {"name": model, abscissa: found[name], shift: found[SHIFT]}
    if len(models) < MIN_MODELS:
        raise InputError(
            f"{file}: expected {MIN_MODELS} standard models or more, got {len(models)}; add rows, "
            f"or say `baseline: none` in 'shifts.{shift}'"
        )
    if max(model[abscissa] for model in models.values()) <= 1:
        raise InputError(
            f"{file}: {name}: expected percentages, but no model has more than 1 %; multiply "
            "fractions by 100"
        )
    return list(models.values())
