"""The learning rate at every step."""

import math

from stages.config.trainings import Drops, TrainingRecipe


def steps_per_epoch(images: int, batch_size: int) -> int:
    """Return the number of whole batches in `images`, or one smaller batch where there is none."""
    return max(1, images // batch_size)


def learning_rate(recipe: TrainingRecipe, step: int, epoch_steps: int) -> float:
    """Return the learning rate at a step (0, 1, …).

    Linear warm-up: step i of w has (i + 1) / w of the full rate. Then the cosine of Loshchilov &
    Hutter (2017, equation 5) without restarts, over the steps that are left; or drops after the
    given epochs, counted from the first step, warm-up included.
    """
    peak, warmup = recipe.learning_rate, recipe.warmup_steps
    if step < warmup:
        return peak * (step + 1) / warmup
    if isinstance(recipe.schedule, Drops):
        passed = sum(step >= epoch * epoch_steps for epoch in recipe.schedule.epochs)
        return peak * recipe.schedule.factor**passed
    left = max(1, recipe.epochs * epoch_steps - warmup)
    return peak * (1 + math.cos(math.pi * (step - warmup) / left)) / 2
