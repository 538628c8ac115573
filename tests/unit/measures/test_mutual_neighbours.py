import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from interpreting_clip.measures.mutual_neighbours import (
    ROWS,
    MutualNeighbours,
    mutual_neighbours,
    nearest,
    unit_rows,
)
from interpreting_clip.statistics.random_numbers import generator


def noise(images: int, features: int = 12, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((images, features)).astype(np.float32)


def align(
    first: np.ndarray, second: np.ndarray, *, k: int = 10, **settings: int
) -> MutualNeighbours:
    return mutual_neighbours(first, second, k=k, **settings)


def plain_neighbours(values: np.ndarray, k: int, order: np.ndarray) -> list[set[int]]:
    """Return each image's k nearest others: one pair at a time, equals by their order."""
    units = [row / np.sqrt((row * row).sum()) for row in values.astype(np.float64)]
    found = []
    for i, one in enumerate(units):
        others = [(-(one * other).sum(), order[j], j) for j, other in enumerate(units) if j != i]
        found.append({j for *_, j in sorted(others)[:k]})
    return found


def angles(*degrees: float) -> np.ndarray:
    radians = np.radians(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1)


def test_the_same_neighbours_align_fully_and_disjoint_ones_not_at_all():
    # Pairs of near directions: 0 with 1, 2 with 3; then 0 with 2, 1 with 3.
    one, other = angles(0, 10, 90, 101), angles(0, 90, 10, 101)
    assert align(one, angles(5, 6, 200, 202), k=1).alignment == 1
    assert align(one, other, k=1).alignment == 0
    everything = align(one, other, k=3)
    assert (everything.alignment, everything.chance) == (1, 1)


def test_rotation_scale_shape_and_a_common_order_change_nothing():
    first, second = noise(300), noise(300, seed=1) + noise(300)
    found = align(first, second)
    assert 0.1 < found.alignment < 0.9
    rotation = np.linalg.qr(noise(12, 12, 2).astype(np.float64))[0]
    scales = np.geomspace(1e-50, 1e50, 300)[:, None]  # of each image
    order = np.random.default_rng(3).permutation(300)
    for changed in (
        (first @ rotation, second),
        (first * scales, second),
        (first.reshape(300, 3, 2, 2), second),
        (first[order], second[order]),
        (second, first),
    ):
        assert align(*changed).alignment == found.alignment


@pytest.mark.parametrize("images", [30, ROWS + 30])
def test_agrees_with_sets_of_neighbours_pair_by_pair(images):
    first = noise(images, 4)
    second = noise(images, 4, 1)[
        np.random.default_rng(2).integers(images // 4, size=images)
    ]  # ties
    orders = np.arange(images), generator(0, "order of ties").permutation(images)
    sides = [plain_neighbours(*each) for each in ((first, 7, orders[0]), (second, 7, orders[1]))]
    for values, order, expected in zip((first, second), orders, sides, strict=True):
        assert [set(row) for row in nearest(unit_rows(values, ""), 7, order).tolist()] == expected
    expected = np.mean([len(one & other) / 7 for one, other in zip(*sides, strict=True)])
    assert align(first, second, k=7).alignment == pytest.approx(expected, abs=1e-12)


def test_noise_has_what_chance_gives():
    chance, draws = 10 / 199, 200 * 10
    found = [align(noise(200), noise(200, seed=seed)) for seed in range(1, 9)]
    assert {one.chance for one in found} == {chance}
    error = np.sqrt(chance * (1 - chance) / draws)  # of one alignment, if draws were independent
    assert np.mean([one.alignment for one in found]) == pytest.approx(
        chance, abs=3 * error / 8**0.5
    )


@pytest.mark.parametrize("threads", [1, 2])
def test_equal_images_are_nearest_in_an_order_whatever_the_threads(threads):
    values = np.repeat(noise(40, 700), 9, axis=0)  # each image nine times: k cuts through equals
    copies = [[j for j in range(i - i % 9, i - i % 9 + 9) if j != i] for i in range(360)]
    with threadpool_limits(threads):
        found = nearest(unit_rows(values, ""), 5, np.arange(360))
    assert [sorted(row) for row in found.tolist()] == [others[:5] for others in copies]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda a: a[:-1], "first has 20 images and second 19"),
        (lambda a: np.where(np.arange(20)[:, None] == 3, 0, a), "second, image 3: .* all 0"),
        (np.ones_like, "second: all images have the same direction"),
    ],
)
def test_what_has_no_neighbours_is_refused_before_any_are_searched(change, said, monkeypatch):
    monkeypatch.setattr("interpreting_clip.measures.mutual_neighbours.nearest", None)
    with pytest.raises(ValueError, match=said):
        align(noise(20), change(noise(20, seed=1)))
