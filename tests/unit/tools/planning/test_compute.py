"""Forward passes and operations of the nano study and of trainings."""

import pytest

from stages.config.measures import SHIFTS
from tools.amounts import UNKNOWN, Amount, about
from tools.costs import Work, all_work, cost, encoder_work, images_seen, steps
from tools.outlook import image_count


@pytest.fixture
def images(nano):
    return {key: image_count(key, entry) for key, entry in nano.datasets.items()}


def by_stage(study, key, images):
    return {work.stage: work for work in encoder_work(study, key, images)}


def test_passes_are_the_images_of_each_stage(nano, images):
    work = by_stage(nano, "rn_web_broad", images)
    assert work["extract"].passes == Amount(200)
    assert work["extract_shifts"].passes == Amount(sum(images[shift].value for shift in SHIFTS))
    assert work["extract_broden"].passes == Amount(600)
    assert work["extract_layers"].passes == Amount(64)
    assert work["head"].passes == Amount(6 * 12)


def test_operations_are_passes_times_the_tower(nano, images):
    price = cost(nano.backbones["rn"])
    work = by_stage(nano, "rn_web_broad", images)
    assert work["extract_broden"].operations == price.image * 600
    assert work["head"].operations == price.text * 72


def test_a_step_costs_three_passes_of_both_towers(nano, images):
    price = cost(nano.backbones["rn"])
    seen = 1200 // 128 * 128
    trained = by_stage(nano, "rn_web_broad", images)["pretrain"]
    assert trained.operations == about(3 * seen * (price.image.value + price.text.value))


def test_finetuning_makes_the_head_that_it_starts_from(nano, images):
    price = cost(nano.backbones["rn"])
    work = by_stage(nano, "rn_web_broad_finetuned", images)
    tuned = 3 * 512 * price.image.value + 72 * price.text.value
    assert work["finetune"] == Work("finetune", "rn_web_broad_finetuned", Amount(584), about(tuned))
    assert work["head"].passes == Amount(0)


def test_an_untrained_encoder_is_neither_trained_nor_prompted(nano, images):
    work = [w for w in all_work(nano, images) if w.encoder == "rn_untrained"]
    assert [w.stage for w in work] == [
        "extract",
        "extract_shifts",
        "extract_broden",
        "extract_layers",
    ]


def test_only_whole_batches_are_seen(nano):
    recipe = nano.recipes["finetuning"]
    assert images_seen(recipe, Amount(600)) == Amount(4 * 128)
    assert images_seen(recipe, Amount(100)) == Amount(100)
    assert steps(recipe, Amount(600)) == Amount(4)
    assert steps(recipe, Amount(100)) == Amount(1)


def test_work_on_an_unknown_number_of_images_is_unknown(nano, images):
    work = by_stage(nano, "rn_web_broad", {**images, "broden": UNKNOWN, "web_broad": UNKNOWN})
    assert work["extract_broden"].operations == UNKNOWN
    assert not work["pretrain"].operations.whole
