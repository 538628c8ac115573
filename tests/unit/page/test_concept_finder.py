from page.concept_finder import concept_finder
from tests.unit.page.conftest import read


def test_each_concept_has_every_encoder_that_encodes_it_and_a_probed_one_may_have_none(encoders):
    disc, moon, star = concept_finder(encoders, [("moon", "object"), ("star", "object")])
    assert [one.name for one in (disc, moon, star)] == ["disc", "moon", "star"]
    assert not moon.findings and star.weaker == 0
    assert [f.encoder.number for f in star.findings] == list(range(1, 12))
    pairs = star.findings[0].pairs
    assert [pair.precision for _, pair, _ in pairs] == [0.9502, 0.9502, 0.9301, 0.9301]
    assert pairs[1][2] == "directions/rn_web_broad/features.html#feature-7"


def test_of_many_pairs_the_strongest_are_linked_and_the_others_counted(study):
    directions = study["results"]["vit_supervised"]["concepts"]["directions"]
    directions["encoded"][1]["precision"] = 0.99
    disc, star = concept_finder(read(study), links=6)
    assert (disc.weaker, star.weaker) == (2 * 11 - 3, 4 * 11 - 3)
    assert sum(len(f.pairs) for f in star.findings) == 3
    strongest = next(f for f in star.findings if f.encoder.key == "vit_supervised")
    assert strongest.pairs[0][1].precision == 0.99
