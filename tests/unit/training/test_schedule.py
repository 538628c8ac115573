import math

import msgspec
import pytest

from stages.config.trainings import Drops
from stages.training.schedule import learning_rate, steps_per_epoch


def test_the_warm_up_is_a_straight_line(recipe):
    rates = [learning_rate(recipe, step, 10) for step in range(3)]
    assert rates == pytest.approx([0.005 / 3, 0.01 / 3, 0.005], rel=1e-12)


def test_the_cosine_leads_from_the_full_rate_to_nothing(recipe):
    other = msgspec.structs.replace(recipe, epochs=2, warmup_steps=4)
    rates = [learning_rate(other, step, 10) for step in (4, 12, 20)]
    assert rates == pytest.approx([0.005, 0.0025, 0], abs=1e-12)
    assert learning_rate(other, 8, 10) == pytest.approx(0.005 * math.cos(math.pi / 8) ** 2)


def test_drops_come_after_their_epochs(recipe):
    schedule = Drops(epochs=[2, 4], factor=0.1)
    other = msgspec.structs.replace(recipe, epochs=5, schedule=schedule)
    rates = [learning_rate(other, step, 10) for step in (3, 19, 20, 39, 40, 49)]
    assert rates == pytest.approx([5e-3, 5e-3, 5e-4, 5e-4, 5e-5, 5e-5], rel=1e-12)


def test_no_warm_up_starts_at_the_full_rate(recipe):
    other = msgspec.structs.replace(recipe, warmup_steps=0)
    assert learning_rate(other, 0, 10) == other.learning_rate


@pytest.mark.parametrize(("images", "steps"), [(256, 2), (300, 2), (40, 1)])
def test_incomplete_batches_are_left_out(images, steps):
    assert steps_per_epoch(images, 128) == steps
