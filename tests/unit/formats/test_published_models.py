import pytest

from interpreting_clip.errors import InputError
from interpreting_clip.formats.published_models import (
    MODEL_COLUMNS,
    Training,
    by_robustness,
    model_row,
    most_robust,
    pretraining_data,
    read_models,
    split_name,
)
from interpreting_clip.measures.effective_robustness import EffectiveRobustness
from interpreting_clip.measures.intervals import Estimate
from stages.published import COLUMNS
from tests.unit.page.conftest import SHIFTS, as_read, model

FOUR = tuple(shift for shift in SHIFTS if shift != "objectnet")


def robust(value: float, shifts=SHIFTS, extrapolated=()) -> EffectiveRobustness:
    one = Estimate(value, value - 0.5, value + 0.5)
    return EffectiveRobustness(dict.fromkeys(shifts, one), one, tuple(extrapolated))


def row(
    name="ViT-B-32/openai",
    value=20.0,
    training: Training = "zero_shot",
    extrapolated=(),
    **known,
):
    five = robust(value, SHIFTS, extrapolated) if training == "zero_shot" else None
    return model_row(
        model(name, 60.0, value) | known, training, five, robust(value, FOUR, extrapolated)
    )


def test_a_row_has_the_accuracies_the_robustness_and_both_means():
    found = row(extrapolated=["objectnet", "imagenet_a"])
    assert found.keys() <= set(MODEL_COLUMNS) == set(COLUMNS["published_models"])
    assert (found["architecture"], found["data"]) == ("ViT-B-32", "OpenAI")
    assert found["robustness_objectnet"] == found["mean_of_five"] == 20.0
    assert (found["low_of_four"], found["high_of_four"]) == (19.5, 20.5)
    assert found["extrapolated"] == "objectnet imagenet_a"


def test_a_model_of_timm_has_no_mean_over_five_and_none_over_four_where_one_is_unknown():
    timm = row("resnet50.tv_in1k", training="supervised", image_size="224")
    assert "mean_of_five" not in timm and timm["mean_of_four"] == 20.0
    assert (timm["data"], timm["image_size"]) == ("ImageNet", "224")
    three = robust(20.0, FOUR[:3])
    unknown = model_row(model("a.b", 60.0, 1.0) | {"imagenet_a": None}, "supervised", None, three)
    assert "mean_of_four" not in unknown and unknown["imagenet_a"] is None
    (read,) = read_models([as_read(unknown, MODEL_COLUMNS)])
    assert (
        read.four is None and read.accuracy["imagenet_a"] is read.robustness["imagenet_a"] is None
    )


def test_a_row_that_is_read_again_has_the_same_numbers():
    written = row(extrapolated=["imagenet_a"])
    (read,) = read_models([as_read(written, MODEL_COLUMNS)])
    assert read.accuracy == {name: written[name] for name in ("imagenet", *SHIFTS)}
    assert read.five and (read.five.low, read.five.mean, read.five.high) == (19.5, 20.0, 20.5)
    assert read.extrapolated == ["imagenet_a"] and read.counterpart_of == ""


@pytest.mark.parametrize(
    "broken",
    [{"imagenet": "high"}, {"training": "zero-shot"}, {"extrapolated": "imagenet_z"}],
)
def test_a_cell_that_is_wrong_is_refused_with_the_models_name(broken):
    with pytest.raises(InputError, match=r"published_models\.csv: model 'ViT-B-32/openai': "):
        read_models([as_read(row() | broken, MODEL_COLUMNS)])


def test_the_most_robust_is_a_zero_shot_model_and_those_of_five_shifts_come_first():
    rows = [row("a/openai", 20.0), row("b/openai", 30.0, extrapolated=SHIFTS)]
    rows += [row("c.clip", 40.0, "finetuned"), row("d/openai", 20.0)]
    models = read_models(as_read(one, MODEL_COLUMNS) for one in rows)
    assert [m.name for m in most_robust(models)] == ["b/openai", "a/openai", "d/openai"]
    # Models with all five shifts come before those with four, and extrapolated ones last.
    assert [m.name for m in by_robustness(models)] == ["a/openai", "d/openai", "b/openai", "c.clip"]


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ("laion2b_s34b_b79k", "LAION-2B"),
        ("mscoco_finetuned_laion2b_s13b_b90k", "LAION-2B"),
        ("datacomp_xl_s13b_b90k", "DataComp"),
        ("commonpool_l_laion_s1b_b8k", "CommonPool"),
        ("clip_laiona_augreg_ft_in1k_384", "LAION-Aesthetics"),
        ("cc12m", "CC12M"),
        ("v1", "other"),
    ],
)
def test_weights_say_what_they_learnt_from(weights, expected):
    assert pretraining_data(weights) == expected


def test_a_name_is_an_architecture_and_weights():
    assert split_name("ViT-B-32/openai") == ("ViT-B-32", "openai")
    assert split_name("resnet50.a1_in1k") == ("resnet50", "a1_in1k")
