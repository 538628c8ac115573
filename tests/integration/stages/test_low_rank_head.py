"""A head whose classes lie in fewer directions than a random head has."""

from pathlib import Path

import numpy as np

import stages.directions
from stages.files.heads import write_head
from stages.files.json import read_json
from stages.measures.head import Head
from tests.fixtures import FEATURES

KEY = "rn_untrained"


def test_its_directions_are_measured_beside_all_of_the_random_heads(study):
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((12, 3)) @ rng.standard_normal((3, FEATURES))
    write_head(Path("data/heads") / KEY, Head(weight.astype(np.float32), None, False), "random")
    stages.directions.main(KEY)
    found = read_json(Path("data/directions") / KEY / "directions.json")["importance"]
    assert (len(found["head"]), len(found["random_head"])) == (3, 12)
    assert all(values == sorted(values, reverse=True) for values in found.values())
