import numpy as np
import pytest

from stages.config.test_sets import SHIFTS
from stages.files.published import TESTBED, ZOO, accuracy_fractions, standard_models, zoo_models
from stages.runtime.errors import InputError
from tests.reads import ROOT

NUMBERS = "76.1,63.2,36.2,24.1,,0.0"


def table(tmp_path, first: str, *rows: str):
    file = tmp_path / "table.csv"
    file.write_text("\n".join([f"{first},imagenet,{','.join(SHIFTS)}", *rows]))
    return file


def test_keeps_the_standard_models_alone_and_names_a_clip_by_model_and_weights(tmp_path):
    rows = f"rn50,standard,{NUMBERS}", f"bit,more data,{NUMBERS}"
    (model,) = standard_models(table(tmp_path, "model,training", *rows))
    assert model["name"] == "rn50"
    assert (model["imagenet"], model["objectnet"], model["imagenet_a"]) == (76.1, None, 0.0)
    (clip,) = zoo_models(table(tmp_path, "model,weights", f"RN50,openai,{NUMBERS}"))
    assert clip["name"] == "RN50/openai"


def test_fractions_are_of_one_and_nan_where_unknown():
    found = accuracy_fractions([{"imagenet": 50.0}, {"imagenet": None}], "imagenet")
    np.testing.assert_array_equal(found, [0.5, np.nan])


def test_refuses_a_word_for_a_percentage(tmp_path):
    rows = f"rn50,standard,{NUMBERS.replace('24.1', 'n/a')}"
    with pytest.raises(InputError, match=r"table.csv: model rn50: .*'n/a'; expected a percentage"):
        standard_models(table(tmp_path, "model,training", rows))


def test_refuses_a_table_without_a_shift(tmp_path):
    (tmp_path / "table.csv").write_text("model,weights,imagenet\n")
    with pytest.raises(InputError, match=r"missing: \['imagenet_v2', .*'imagenet_a'\]"):
        zoo_models(tmp_path / "table.csv")


def test_reads_the_tables_in_the_repository():
    models = standard_models(ROOT / TESTBED) + zoo_models(ROOT / ZOO)
    known = np.concatenate([accuracy_fractions(models, name) for name in ("imagenet", *SHIFTS)])
    known = known[~np.isnan(known)]
    assert len(models) > 100
    assert ((known >= 0) & (known < 1)).all()
