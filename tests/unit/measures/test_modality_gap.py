import numpy as np
import pytest

from interpreting_clip.measures.modality_gap import ModalityGap, areas, modality_gap

RNG = np.random.default_rng(0)


def pairs(images: int = 60, features: int = 9, gap: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Draw images and noisy captions; feature 2 of the captions is lower, feature 5 a little."""
    common = RNG.standard_normal((images, features))
    texts = common + 0.3 * RNG.standard_normal((images, features))
    texts[:, 2] -= gap
    texts[:, 5] -= gap / 8
    return common, texts


def measure(sides: tuple[np.ndarray, np.ndarray], **settings) -> ModalityGap:
    return modality_gap(sides[0], captions=sides[1], **{"resamples": 50, "k": 5} | settings)


def unit(values: np.ndarray) -> np.ndarray:
    return np.array([row / np.sqrt(sum(one * one for one in row)) for row in values.tolist()])


def plain_area(image: np.ndarray, caption: np.ndarray) -> float:
    """Compare every image with every caption; ties count half."""
    wins = sum((x > y) + 0.5 * (x == y) for x in image.tolist() for y in caption.tolist())
    area = wins / (len(image) * len(caption))
    return max(area, 1 - area)


def plain_remaining(x: np.ndarray, y: np.ndarray, k: int) -> tuple[float, float, float]:
    """Return the gap, the percentage that find their caption, and the common neighbours."""
    x, y = unit(x), unit(y)
    found = [max(range(len(y)), key=lambda j: x[i] @ y[j]) == i for i in range(len(x))]
    near = []
    for i in range(len(x)):
        others = [j for j in range(len(x)) if j != i]
        sides = ({*sorted(others, key=lambda j: -(s[i] @ s[j]))[:k]} for s in (x, y))
        near.append(len(set.intersection(*sides)) / k)
    gap = np.sqrt(np.sum((x.mean(axis=0) - y.mean(axis=0)) ** 2))
    return float(gap), 100 * float(np.mean(found)), float(np.mean(near))


def test_agrees_with_a_plain_computation():
    x, y = pairs(gap=9.0)
    found = measure((x, y))
    ux, uy = unit(x), unit(y)
    difference = ux.mean(axis=0) - uy.mean(axis=0)
    squares = difference**2
    distances = [((one - other) ** 2).sum() for one, other in zip(ux, uy, strict=True)]
    assert found.length.value == pytest.approx(np.sqrt(squares.sum()))
    assert found.share_of_distance == pytest.approx(squares.sum() / np.mean(distances))
    assert found.exchanged == pytest.approx(np.sqrt(sum(distances)) / 60)
    shares = squares / squares.sum()
    area = [plain_area(ux[:, j], uy[:, j]) for j in range(9)]
    assert found.share_of_every_feature == pytest.approx(shares)
    assert found.area_of_every_feature == pytest.approx(area)
    assert (found.largest, found.largest_share) == (2, pytest.approx(shares.max()))
    expected = sorted((j for j in range(9) if area[j] >= 0.99), key=lambda j: -shares[j])
    assert found.feature.tolist() == expected == [2] and found.separating == 1
    kept = np.arange(9) != 2
    cases = {
        "whole": (ux, uy),
        "without_largest": (ux * kept, uy * kept),
        "without_separating": (ux * kept, uy * kept),
        "centred": (ux - ux.mean(axis=0), uy - uy.mean(axis=0)),
    }
    for name, sides in cases.items():
        left = getattr(found, name)
        numbers = left.length, left.accuracy.value, left.neighbours
        assert numbers == pytest.approx(plain_remaining(*sides, k=5)), name
        assert (left.guessing, left.unrelated) == pytest.approx((100 / 60, 5 / 59))
    assert found.without_largest and found.without_largest.length < found.length.value / 2


def test_pairs_that_differ_by_one_vector_have_nothing_but_the_gap():
    """Unit rows on two circles, one above the other."""
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    circle = 0.8 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    x, y = (np.column_stack([circle, np.full(24, height)]) for height in (0.6, -0.6))
    found = measure((x, y))
    assert (found.length.value, found.share_of_distance) == pytest.approx((1.2, 1))
    assert found.length.ends == pytest.approx((1.2, 1.2))
    assert (found.feature.tolist(), found.half) == ([2], 1)
    assert found.area_of_every_feature == pytest.approx([0.5, 0.5, 1])
    left = found.without_separating
    assert left
    assert (left.length, left.accuracy.value) == pytest.approx((0, 100), abs=1e-12)


def test_half_of_the_gap_takes_as_many_features_as_it_says():
    found = measure(pairs(gap=2.0))
    shares = np.sort(found.share_of_every_feature)[::-1]
    assert shares[: found.half].sum() >= 0.5 > shares[: found.half - 1].sum()


def test_scale_of_rows_order_of_pairs_and_sides_change_no_gap():
    x, y = pairs(gap=3.0)
    found = measure((x, y))
    scales, order = np.geomspace(1e-9, 1e9, 60)[:, None], RNG.permutation(60)
    for changed in ((x * scales, y * scales[::-1]), (x[order], y[order]), (y, x)):
        other = measure(changed)
        assert other.length.value == pytest.approx(found.length.value)
        assert other.share_of_every_feature == pytest.approx(found.share_of_every_feature)
        assert other.area_of_every_feature == pytest.approx(found.area_of_every_feature)


def test_the_interval_covers_the_gap_of_all_pairs():
    x, y = pairs(images=20_000, gap=2.0)
    truth = gap_of(x, y)
    hits = 0
    for draw in range(200):
        chosen = np.random.default_rng(draw).integers(20_000, size=60)
        found = measure((x[chosen], y[chosen]), resamples=200).length
        hits += found.ends[0] <= truth <= found.ends[1]
    assert 0.88 <= hits / 200 <= 0.99


def gap_of(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.linalg.norm(unit(x).mean(axis=0) - unit(y).mean(axis=0)))


def test_without_a_gap_its_length_is_what_exchanged_sides_give():
    found = [measure(pairs(images=100)) for _ in range(30)]
    ratios = [(one.length.value / one.exchanged) ** 2 for one in found]
    assert np.mean(ratios) == pytest.approx(1, abs=0.35)  # 9 features: the SD of the mean is 0.09
    assert all(one.separating == 0 for one in found)


def test_the_chance_level_is_the_mean_over_all_exchanges():
    x, y = pairs(images=7, gap=2.0)
    found, within = measure((x, y), k=2), unit(x) - unit(y)
    signs = 2 * (np.arange(2**7)[:, None] >> np.arange(7) & 1) - 1
    squares = np.sum((signs @ within / 7) ** 2, axis=1)
    assert found.exchanged == pytest.approx(np.sqrt(squares.mean()))
    distance = np.mean(np.sum(within**2, axis=1))
    assert found.share_if_exchanged == pytest.approx(squares.mean() / distance)


def test_ties_count_half_in_an_area():
    image, caption = RNG.integers(4, size=(2, 30, 3)).astype(float)
    expected = [plain_area(image[:, j], caption[:, j]) for j in range(3)]
    assert areas(image, caption) == pytest.approx(expected)


def test_a_removal_that_leaves_no_direction_is_left_out():
    x = np.column_stack([RNG.uniform(1, 2, 30), RNG.uniform(1, 2, 30)])
    found = measure((x, x * [1, -1] - [0, 1]))
    assert found.feature.tolist() == [1]
    assert (found.without_largest, found.without_separating) == (None, None)
    assert found.whole and found.centred


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda y: y[:-1], "captions: expected a row for each of 60 images.* got 59"),
        (lambda y: y[:, :-1], "captions: expected 9 features.* got 8"),
        (lambda y: np.where(np.arange(60)[:, None] == 3, 0, y), "captions, image 3: .* all 0"),
    ],
)
def test_what_is_not_of_the_same_pairs_is_refused_in_a_line(change, said):
    x, y = pairs()
    with pytest.raises(ValueError, match=said) as caught:
        measure((x, change(y)))
    assert "\n" not in str(caught.value)


def test_images_as_their_own_captions_and_too_few_are_refused():
    x, y = pairs()
    with pytest.raises(ValueError, match="no gap"):
        measure((x, x[::-1]))
    with pytest.raises(ValueError, match="expected more images than neighbours"):
        measure((x, y), k=60)
