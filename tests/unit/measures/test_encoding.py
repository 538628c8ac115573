import numpy as np

from interpreting_clip.measures.encoding import encoded_pairs, encodes_concepts, strongest

BY_HAND = np.array([[0.95, 0.92, 0.1], [0.9, 0.2, 0.3], [0.5, 0.8, 0.899]])


def test_what_is_at_the_threshold_but_for_rounding_is_encoded():
    below = np.array([0.9, 0.9 - 1e-14, 0.9 - 1e-9])
    assert encodes_concepts(below, 0.9).tolist() == [True, True, False]


def test_encoded_pairs_stand_in_the_order_of_directions_and_concepts():
    assert encoded_pairs(BY_HAND, 0.9).tolist() == [[0, 0], [0, 1], [1, 0]]
    assert encoded_pairs(BY_HAND, 0.99).tolist() == []


def test_the_strongest_pairs_stay_in_their_order():
    pairs = encoded_pairs(BY_HAND, 0.9)
    assert strongest(pairs, BY_HAND, 2).tolist() == [[0, 0], [0, 1]]
    upside_down = BY_HAND[::-1]
    assert strongest(encoded_pairs(upside_down, 0.8), upside_down, 2).tolist() == [[2, 0], [2, 1]]
    assert strongest(encoded_pairs(BY_HAND, 0.99), BY_HAND, 2).tolist() == []
