"""Comparisons across the encoders of a study."""

from page.across_encoders import concept_finder, shared_concepts
from tests.unit.page.conftest import read


def test_concepts_are_shared_by_name_and_never_across_representations(study):
    keys = ("rn_web_broad", "rn_web_broad_finetuned")
    one, other = (study["results"][key]["concepts"] for key in keys)
    one["directions"]["names"], one["features"]["names"] = ["a (object)", "b (part)"], []
    other["directions"]["names"] = ["b (part)", "c (scene)", "d (scene)"]
    study["results"]["rn_supervised"]["kurtosis"]["representation"] = "rectified"
    directions, features, *_ = found = shared_concepts(read(study))
    assert "RN supervised" not in {s["second"] for s in found}
    labels = {"first": "RN zero-shot, web-broad", "second": "RN finetuned, web-broad"}
    chance = 2 * 3 / len(one["concepts"])
    counts = {"both": 1, "by_chance": chance, "only_first": 1, "only_second": 2}
    assert directions == labels | {"basis": "directions"} | counts
    assert (features["basis"], features["both"], features["by_chance"]) == ("features", 0, 0)


def test_each_concept_has_its_encoders_and_a_probed_one_may_have_none(study):
    results = study["results"]["rn_web_broad"]["concepts"]
    pair = {"concept": "circle", "category": "object", "side": "positive"}
    results["features"]["encoded"] = [
        pair | {"number": number, "precision": precision}
        for number, precision in ((4, 0.91), (7, 0.97))
    ]
    moon, *_ = found = concept_finder(read(study), [("a moon", "object")])
    assert (moon["name"], moon["encoders"]) == ("a moon", [])
    assert [one["name"] for one in found] == sorted(one["name"] for one in found)
    (circle,) = (one for one in found if one["name"] == "circle")
    numbers = {e.key: known for e, known in circle["encoders"]}
    assert numbers["rn_web_broad"]["features"] == [7, 4]  # the strongest first
