from page.concept_finder import concept_finder
from tests.unit.page.conftest import read


def test_each_concept_has_every_encoder_that_encodes_it_and_a_probed_one_may_have_none(encoders):
    disc, moon, star = concept_finder(encoders, [("moon", "object"), ("star", "object")])
    assert [one["name"] for one in (disc, moon, star)] == ["disc", "moon", "star"]
    assert not moon["pairs"] and star["weaker"] == 0
    assert {one["encoder"].number for one in star["pairs"]} == set(range(1, 12))
    first = [one for one in star["pairs"] if one["encoder"].number == 1]
    assert [one["pair"].precision for one in first] == [0.9502, 0.9502, 0.9301, 0.9301]
    assert first[1]["href"] == "directions/rn_web_broad/features.html#feature-7"


def test_of_many_pairs_the_strongest_are_linked_and_the_others_counted(study):
    directions = study["results"]["vit_supervised"]["concepts"]["directions"]
    directions["encoded"][1]["precision"] = 0.99
    disc, star = concept_finder(read(study), links=6)
    assert (disc["weaker"], star["weaker"]) == (2 * 11 - 3, 4 * 11 - 3)
    assert len(star["pairs"]) == 3 and star["pairs"][0]["encoder"].key == "vit_supervised"
