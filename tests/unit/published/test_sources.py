import shutil

import pytest
import yaml

from interpreting_clip.errors import InputError
from interpreting_clip.published.sources import (
    FOLDER,
    counterparts,
    distinct_models,
    largest_difference,
    read_published,
    timm_standard_models,
)
from tests.reads import ROOT
from tests.unit.published.conftest import SETS, SOURCE, accuracies, write


def test_a_row_overrides_what_its_source_says_of_all(folder):
    published = read_published(folder)
    assert list(published.sources) == ["openclip", "scaling", "testbed", "timm"]
    vit, *_ = published.of("openclip")
    assert (vit["name"], vit["training"], vit["data"]) == ("ViT/web", "zero_shot", "Web")
    assert (vit["architecture"], vit["family"], vit["imagenet"]) == ("ViT", "ViT", 70.0)
    assert vit["imagenet_real"] is None
    (tuned,) = [m for m in published.of("timm") if m["start"]]
    assert (tuned["training"], tuned["objectnet"], tuned["architecture"]) == (
        "finetuned",
        None,
        "vit",
    )


def test_a_source_may_list_its_models_itself(tmp_path):
    model = {"model": "mine", "training": "zero_shot", **accuracies(70.0, 5.0)}
    source = {**SOURCE, "sets": list(SETS), "models": [model]}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(source))
    shutil.copy(ROOT / FOLDER / "same_models.csv", tmp_path)
    with pytest.raises(InputError, match=r"same_models.csv: .*openclip"):
        read_published(tmp_path)
    (tmp_path / "same_models.csv").write_text(
        "source,model,image_size,also_source,also_model,also_image_size\n"
    )
    (read,) = read_published(tmp_path).models
    assert (read["source"], read["name"], read["imagenet_r"]) == (
        "mine",
        "mine",
        model["imagenet_r"],
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"imagenet_r": "101"}, r"mine.csv: a: `imagenet_r`: .*'101'"),
        ({"imagenet": ""}, r"mine.csv: a: `imagenet`: .*nothing"),
        ({"training": "clip"}, r"mine.csv: a: `training`: .*zero_shot.*'clip'"),
        ({"model": "b"}, r"mine.csv: b: .*twice"),
        ({"model": " "}, r"mine.csv: model 1: .*`model`"),
        ({"start": "x"}, r"mine.yaml: a: `start`: .*'x'"),
        ({"imagnet": "1"}, r"mine.csv: a: .*'imagnet'"),
        ({"imagenet_on_r_classes": "1"}, r"mine.csv: a: `imagenet_on_r_classes`: `sets`"),
    ],
)
def test_refuses_a_wrong_row(tmp_path, change, said):
    rows = [{"model": name, "training": "zero_shot", **accuracies(70.0)} for name in "ab"]
    rows[0] |= change
    write(tmp_path, "mine", rows, sets=list(SETS))
    with pytest.raises(InputError, match=said):
        read_published(tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"licence": None}, r"mine.yaml: 'licence'"),
        ({"sets": ["imagenet_w"]}, r"mine.yaml: 'sets': .*'imagenet_w'"),
        ({"models": [{"model": "a"}]}, r"mine.yaml: .*`table` or `models`"),
        ({"table": "none.csv"}, r"none.csv: no such file"),
    ],
)
def test_refuses_a_wrong_source(tmp_path, change, said):
    write(tmp_path, "mine", [{"model": "a", "training": "zero_shot", **accuracies(70.0)}], **change)
    with pytest.raises(InputError, match=said):
        read_published(tmp_path)


def test_models_with_the_same_accuracies_everywhere_count_once():
    one = dict.fromkeys(SETS, 50.0)
    models = [{"name": n, **one} for n in "abc"] + [{"name": "d", **one, "imagenet_a": 50.1}]
    found, joined = distinct_models(models)
    assert [model["name"] for model in found] == ["a", "d"]
    assert joined == {"a": ["b", "c"]}


def test_a_standard_model_counts_once_at_the_size_at_which_it_was_trained():
    models = [
        {"name": "a", "image_size": size, "training": "standard"} for size in ("288", "96", "224")
    ] + [{"name": "b", "image_size": "224", "training": "finetuned"}]
    assert [(m["name"], m["image_size"]) for m in timm_standard_models(models)] == [("a", "96")]


def test_a_counterpart_that_no_table_has_is_refused(tmp_path):
    file = tmp_path / "counterparts.csv"
    file.write_text("backbone,data,training,model,image_size,note\nB,d,finetuned,none,224,\n")
    with pytest.raises(InputError, match=r"counterparts.csv: none at 224"):
        counterparts([], file)


@pytest.fixture(scope="module")
def published():
    return read_published(ROOT / FOLDER)


def test_the_sources_have_as_many_models_as_was_published(published):
    counts = {name: len(published.of(name)) for name in published.sources}
    assert counts == {
        "mobileclip": 14,
        "model_soups": 74,
        "openclip": 121,
        "openclip_scaling": 32,
        "testbed": 216,
        "timm": 1556,
    }
    assert len(distinct_models(published.of("openclip"))[0]) == 117
    assert len(timm_standard_models(published.of("timm"))) == 956
    assert sum(m["training"] in {"finetuned", "finetuned_12k"} for m in published.of("timm")) == 37


def test_the_same_weights_agree_in_two_sources(published):
    """Most within half a point; what differs more is resized or padded in another way."""
    differences = [round(largest_difference(first, other), 3) for first, other in published.same]
    assert len(differences) == 91
    assert sum(difference > 0.3 for difference in differences) == 48
    assert max(differences) < 4


def test_the_counterparts_are_of_one_backbone(published):
    found = counterparts(published.models, ROOT / FOLDER / "counterparts.csv")
    assert len({m["name"] for m in found}) == len(found)
    kinds = {m["name"]: m["training"] for m in published.models}
    for model in found:
        expected = "standard" if model["training"] == "supervised" else model["training"]
        assert kinds[model["name"]] == expected
        assert (model["data"] == "ImageNet") == (model["training"] == "supervised")
        if model["start"]:
            (start,) = [m for m in found if m["name"] == model["start"]]
            assert (start["backbone"], start["data"]) == (model["backbone"], model["data"])
