import re

import numpy as np
import pytest

from interpreting_clip.config.shifts import TESTBED_SHIFTS, on_classes
from interpreting_clip.errors import InputError
from interpreting_clip.formats.published_accuracies import (
    COUNTERPARTS,
    FEWER_CLASSES,
    TESTBED,
    TIMM,
    TIMM_SHIFTS,
    ZOO,
    accuracy_fractions,
    counterparts,
    distinct_models,
    standard_models,
    timm_models,
    timm_standard_models,
    zoo_models,
)
from interpreting_clip.measures.logit_line import fit_line, logit
from tests.reads import ROOT

NUMBERS = "76.1,63.2,36.2,24.1,,0.0"


def table(tmp_path, first: str, *rows: str):
    file = tmp_path / "table.csv"
    parts = [on_classes(shift) for shift in FEWER_CLASSES] if "training" in first else []
    file.write_text("\n".join([",".join([first, "imagenet", *TESTBED_SHIFTS, *parts]), *rows]))
    return file


def test_keeps_the_standard_models_alone_and_names_a_clip_by_model_and_weights(tmp_path):
    rows = f"rn50,standard,{NUMBERS},89.8,88.0,", f"bit,more data,{NUMBERS},1,2,3"
    (model,) = standard_models(table(tmp_path, "model,training", *rows))
    assert model["name"] == "rn50"
    assert (model["imagenet"], model["objectnet"], model["imagenet_a"]) == (76.1, None, 0.0)
    assert (model["imagenet_on_r_classes"], model["imagenet_on_objectnet_classes"]) == (89.8, None)
    assert model["imagenet_on_v2_classes"] == model["imagenet_on_sketch_classes"] == 76.1
    (clip,) = zoo_models(table(tmp_path, "model,weights", f"RN50,openai,{NUMBERS}"))
    assert clip["name"] == "RN50/openai"


def test_models_with_the_same_accuracies_everywhere_count_once():
    one = dict.fromkeys(("imagenet", *TESTBED_SHIFTS), 50.0)
    models = [{"name": n, **one} for n in "abc"] + [{"name": "d", **one, "imagenet_a": 50.1}]
    found, joined = distinct_models(models)
    assert [model["name"] for model in found] == ["a", "d"]
    assert joined == {"a": ["b", "c"]}


def test_openclip_publishes_117_sets_of_weights_of_which_29_names_lie_outside_the_testbed():
    standard, zoo = standard_models(ROOT / TESTBED), zoo_models(ROOT / ZOO)
    line = fit_line(*(accuracy_fractions(standard, name) for name in ("imagenet", "imagenet_v2")))
    assert len(distinct_models(zoo)[0]) == 117 and len(zoo) == 121
    assert (line.low, line.high) == pytest.approx((0.56522, 0.84718), abs=1e-3)
    assert sum(line.is_extrapolated(model["imagenet"] / 100) for model in zoo) == 29


def test_timm_s_standard_models_count_once_at_the_size_at_which_they_were_trained():
    models = [
        {"name": "a", "image_size": size, "training": "standard"} for size in ("288", "96", "224")
    ] + [{"name": "b", "image_size": "224", "training": "clip_finetuned"}]
    assert [(m["name"], m["image_size"]) for m in timm_standard_models(models)] == [("a", "96")]


def test_the_counterparts_are_of_one_backbone_and_their_training_is_what_the_tables_say():
    timm = timm_models(ROOT / TIMM)
    kinds = {(m["name"], m["image_size"]): m["training"] for m in timm}
    found = counterparts(zoo_models(ROOT / ZOO), timm, ROOT / COUNTERPARTS)
    assert len({m["name"] for m in found}) == len(found)
    for model in found:
        expected = {
            "zero_shot": None,
            "finetuned": "clip_finetuned",
            "finetuned_12k": "clip_finetuned",
            "supervised": "standard",
        }[model["training"]]
        assert kinds.get((model["name"], model["image_size"])) == expected
        assert ("in12k" in model["name"]) == (model["training"] == "finetuned_12k")
        assert (model["data"] == "ImageNet") == (model["training"] == "supervised")
        assert None not in [model[shift] for shift in ("imagenet", *TIMM_SHIFTS)]
    other_patch = {m["name"] for m in found if "patch" in m["note"]}
    assert other_patch == {"deit3_large_patch16_224.fb_in1k"}
    for model in found:
        patch = re.search("patch([0-9]+)", model["name"])
        if patch and model["name"] not in other_patch:
            assert model["backbone"].endswith(f"/{patch[1]}")


def test_the_published_order_of_one_backbone():
    """The means over four shifts on the testbed's line, from a calculation apart from ours."""
    standard = standard_models(ROOT / TESTBED)
    x = logit(accuracy_fractions(standard, "imagenet"))
    timm, zoo = timm_models(ROOT / TIMM), zoo_models(ROOT / ZOO)
    found = {m["name"]: m for m in counterparts(zoo, timm, ROOT / COUNTERPARTS)}
    expected = {
        "ViT-B-32/openai": 27.2,
        "vit_base_patch32_clip_224.openai_ft_in1k": 7.8,
        "vit_base_patch32_224.augreg_in1k": 1.9,
        "ViT-B-16/openai": 33.5,
        "vit_base_patch16_clip_224.openai_ft_in1k": 12.3,
        "vit_base_patch16_224.augreg_in1k": 0.4,
        "ViT-L-14/laion2b_s32b_b82k": 36.3,
        "vit_large_patch14_clip_224.laion2b_ft_in1k": 17.8,
        "deit3_large_patch16_224.fb_in1k": 9.4,
    }
    for name, mean in expected.items():
        above = []
        for shift in TIMM_SHIFTS:
            y = logit(accuracy_fractions(standard, shift))
            known = np.isfinite(x) & np.isfinite(y)
            at = logit(np.array([found[name]["imagenet"] / 100]))
            line = np.polyval(np.polyfit(x[known], y[known], 1), at)
            above.append(found[name][shift] - 100 / (1 + np.exp(-line[0])))
        assert np.mean(above) == pytest.approx(mean, abs=0.05), name


def test_a_counterpart_that_no_table_has_is_refused(tmp_path):
    file = tmp_path / "counterparts.csv"
    file.write_text("backbone,data,training,model,image_size,note\nB,d,finetuned,none,224,\n")
    with pytest.raises(InputError, match=r"counterparts.csv: none at 224 pixels.*timm"):
        counterparts([], [], file)


def test_what_learnt_from_a_teacher_of_more_data_is_not_standard():
    kinds = {m["name"]: m["training"] for m in timm_models(ROOT / TIMM)}
    assert {kind for name, kind in kinds.items() if "ssld" in name} == {"more_data_teacher"}
    assert kinds["resnetv2_50x1_bit.goog_distilled_in1k"] == "more_data_teacher"
    assert kinds["edgenext_base.usi_in1k"] == "more_data_teacher"
    assert kinds["resnet50.fb_ssl_yfcc100m_ft_in1k"] == "self_training"
    assert kinds["resnet50.am_in1k"] == "robustness_intervention"
    assert kinds["tiny_vit_21m_224.dist_in22k_ft_in1k"] == "clip_teacher"
    assert kinds["tiny_vit_21m_224.in1k"] == kinds["deit3_large_patch16_224.fb_in1k"] == "standard"


def test_fractions_are_of_one_and_nan_where_unknown():
    found = accuracy_fractions([{"imagenet": 50.0}, {"imagenet": None}], "imagenet")
    np.testing.assert_array_equal(found, [0.5, np.nan])


def test_refuses_a_word_for_a_percentage(tmp_path):
    rows = f"rn50,standard,{NUMBERS.replace('24.1', 'n/a')},1,2,3"
    with pytest.raises(InputError, match=r"table.csv: model rn50: .*'n/a'; expected a percentage"):
        standard_models(table(tmp_path, "model,training", rows))


def test_refuses_a_table_without_a_shift(tmp_path):
    (tmp_path / "table.csv").write_text("model,weights,imagenet\n")
    with pytest.raises(InputError, match=r"missing: \['imagenet_v2', .*'imagenet_a'\]"):
        zoo_models(tmp_path / "table.csv")


def test_reads_the_tables_in_the_repository():
    models = standard_models(ROOT / TESTBED) + zoo_models(ROOT / ZOO)
    known = np.concatenate(
        [accuracy_fractions(models, name) for name in ("imagenet", *TESTBED_SHIFTS)]
    )
    known = known[~np.isnan(known)]
    assert len(models) > 100
    assert ((known >= 0) & (known < 1)).all()
