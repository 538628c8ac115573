"""The numbers of a measure on disk, those of several subjects too."""

from interpreting_clip.formats.numbers import read_numbers, write_numbers
from interpreting_clip.measures.effective_robustness import Result, ShiftResult
from interpreting_clip.measures.intervals import Estimate


def test_a_subject_is_part_of_the_names_of_its_numbers(tmp_path):
    own = ShiftResult(
        accuracy=Estimate(40.0, 35.0, 45.0), imagenet=70.0, robustness=None, chance=12.5
    )
    means = dict.fromkeys(("shifts", "robustness", "natural", "style"))
    whole = Result(imagenet=60.0, extrapolated=0, **means)
    write_numbers(tmp_path, whole, by_subject={"mine": own})
    found = read_numbers(tmp_path)
    assert found.keys() == {
        *("imagenet", "shifts", "robustness", "natural", "style", "extrapolated"),
        *("accuracy_mine", "imagenet_mine", "robustness_mine"),
    }
    one = found["accuracy_mine"]
    assert (one["value"], one["low"], one["high"], one["chance"]) == (40.0, 35.0, 45.0, 12.5)
    assert one["label"] == "accuracy on mine"
    headlines = {name: one["headline"] for name, one in found.items() if name.endswith("_mine")}
    assert headlines == {
        **{"accuracy_mine": "accuracy_mine", "imagenet_mine": "", "robustness_mine": "robust_mine"}
    }
    assert found["robustness_mine"]["value"] is None
