from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.statistics.published_accuracies import published_lines, standard_models


def test_the_standard_models_and_their_accuracies():
    models = standard_models()
    assert len(models) == 87 and models["family"].nunique() == 18
    (resnet,) = models[models["name"] == "resnet50"].to_dict("records")
    assert (resnet["imagenet"], resnet["imagenet_a"]) == (76.13, 0.0)
    assert resnet["imagenet_on_r_classes"] == 92.12
    assert models["imagenet_r"].isna().sum() == 5
    # Their images show all of ImageNet's classes.
    for shift in ("v2", "sketch"):
        assert (models[f"imagenet_on_{shift}_classes"] == models["imagenet"]).all()


def test_the_published_lines():
    lines, resampled = published_lines(dict.fromkeys(TESTBED_SHIFTS, "imagenet"), resamples=3)
    slopes = [round(line.slope, 2) for line in lines.values()]
    assert slopes == [0.92, 0.91, 1.07, 1.20, 3.06]
    # Five models have no ImageNet-R accuracy, and ResNet-50 scores 0 on ImageNet-A.
    assert [line.models for line in lines.values()] == [87, 82, 87, 87, 86]
    assert {one.slope.shape for one in resampled.values()} == {(3,)}
