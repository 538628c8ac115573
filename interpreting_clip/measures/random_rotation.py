"""Random rotations, the null for an encoder's own basis."""

import numpy as np
from jaxtyping import Float


def random_rotation(size: int, rng: np.random.Generator) -> Float[np.ndarray, "row column"]:
    """Draw an orthogonal matrix of `size` rows, uniform over all (Haar); half of them reflect."""
    orthogonal, triangle = np.linalg.qr(rng.standard_normal((size, size)))
    # QR chooses signs by its algorithm, which is not uniform (Mezzadri 2007).
    return orthogonal * np.sign(np.diagonal(triangle))
