import re
from itertools import product

import numpy as np

from interpreting_clip.statistics.random_numbers import generator
from tests.reads import ROOT

PURPOSES = [
    purpose
    for file in sorted((ROOT / "interpreting_clip").rglob("*.py"))
    for purpose in re.findall(r'\bgenerator\([^"()]*, "([^"]+)"', file.read_text())
]


def numbers(rng: np.random.Generator) -> tuple[int, ...]:
    return tuple(rng.integers(2**63, size=4).tolist())


def test_a_purpose_is_named_once_and_no_two_draws_share_numbers():
    assert len({*PURPOSES}) == len(PURPOSES) > 10
    draws = list(product((0, 1), PURPOSES, ((), (0,))))
    drawn = {numbers(generator(seed, purpose, *more)) for seed, purpose, more in draws}
    assert len(drawn) == len(draws)
    assert not {numbers(np.random.default_rng(seed)) for seed in (0, 1, (0, 0))} & drawn


def test_the_words_of_a_purpose_count_by_their_checksum():
    # The check value of CRC-32 in its catalogues, where a hash of Python's differs between runs.
    key = np.random.SeedSequence(7, spawn_key=(0xCBF43926, 3))
    assert numbers(generator(7, "123456789", 3)) == numbers(np.random.default_rng(key))
