import numpy as np
import pytest
from msgspec.structs import asdict

from interpreting_clip.measures.participation_ratio import Settings, participation_ratio

SETTINGS = Settings(blocks=10, confidence=0.95)


def draw(images: int, scales: list[float], seed: int = 0) -> np.ndarray:
    """Return independent Gaussian features with these standard deviations."""
    return np.random.default_rng(seed).standard_normal((images, len(scales))) * scales


def dimensions(activations: np.ndarray) -> float:
    return participation_ratio(activations, **asdict(SETTINGS)).dimensions.value


def test_k_directions_of_equal_variance_are_k_dimensions():
    corners = np.concatenate([np.eye(4), -np.eye(4)]).repeat(5, axis=0)
    rotation = np.linalg.qr(draw(6, [1.0] * 6))[0][:4]
    assert dimensions(corners @ rotation) == pytest.approx(4)
    assert dimensions(corners[:, :1] @ rotation[:1]) == pytest.approx(1)


def test_agrees_with_eigenvalues_and_scale_offset_and_rotation_change_nothing():
    activations = draw(200, [3.0, 2.0, 1.0, 0.5])
    values = np.linalg.eigvalsh(np.cov(activations.T))
    assert dimensions(activations) == pytest.approx(values.sum() ** 2 / (values**2).sum())
    rotation = np.linalg.qr(draw(4, [1.0] * 4, 1))[0]
    assert dimensions(7 * activations @ rotation + 100) == pytest.approx(dimensions(activations))


def test_the_interval_is_the_jackknife_over_blocks():
    activations = draw(60, [2.0, 1.0, 1.0])
    found = participation_ratio(activations, **asdict(SETTINGS)).dimensions
    left = [dimensions(np.delete(activations, np.s_[i::10], axis=0)) for i in range(10)]
    error = np.sqrt(0.9 * np.sum((np.array(left) - np.mean(left)) ** 2))
    ends = found.value - 1.959964 * error, found.value + 1.959964 * error
    assert found.ends == pytest.approx(ends)


def test_noise_has_what_chance_gives_and_one_dominant_feature_one_dimension():
    noise = participation_ratio(draw(400, [1.0] * 50), **asdict(SETTINGS))
    assert noise.isotropic == pytest.approx(50 * 400 / 450)
    assert noise.dimensions.value == pytest.approx(noise.isotropic, rel=0.02)
    assert dimensions(draw(400, [1.0] * 49 + [1000.0])) == pytest.approx(1, abs=0.001)


@pytest.mark.parametrize(("images", "said"), [(19, "`blocks`"), (40, "same activation")])
def test_what_has_no_ratio_is_refused(images, said):
    with pytest.raises(ValueError, match=said):
        dimensions(np.full((images, 3), 1e6))
