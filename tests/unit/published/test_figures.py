from typing import Any

import pandas as pd
import pytest
import yaml

from interpreting_clip.config.shifts import TESTBED_SHIFTS
from interpreting_clip.errors import InputError
from interpreting_clip.formats.csv_tables import read_table
from interpreting_clip.published.figures import (
    COUNTERPARTS,
    FOLDER,
    distinct_models,
    read_published,
    timm_standard_models,
)
from tests.reads import ROOT
from tests.unit.published.conftest import frame

SETS = ["imagenet", *TESTBED_SHIFTS]
SAME = dict.fromkeys(SETS, 50.0)
SOURCE = dict.fromkeys(("title", "url", "commit", "path", "licence", "measured"), "x")


def read_source(folder, row: dict[str, Any], **source: Any) -> None:
    """Read two models of one source, the first with columns of its own."""
    rows = [{"model": name, "training": "zero_shot", **SAME} for name in "ab"]
    pd.DataFrame([rows[0] | row, rows[1]]).to_csv(folder / "mine.csv", index=False)
    source = {**SOURCE, "table": "mine.csv", "sets": SETS, **source}
    (folder / "mine.yaml").write_text(yaml.safe_dump(source))
    read_published(folder)


@pytest.mark.parametrize(
    ("row", "source", "said"),
    [
        ({"imagenet_r": "101"}, {}, r"mine.csv: a: `imagenet_r`: .*'101'"),
        ({"start": "x"}, {}, r"mine.csv: a: `start`: .*'x'"),
        ({}, {"licence": None}, r"mine.yaml: 'licence'"),
    ],
)
def test_refuses_a_wrong_source(tmp_path, row, source, said):
    with pytest.raises(InputError, match=said):
        read_source(tmp_path, row, **source)


def test_models_with_the_same_accuracies_everywhere_count_once():
    one = SAME | {"objectnet": None}
    models = frame(*({"name": n, **one} for n in "abc"), {"name": "d", **one, "imagenet_a": 50.1})
    found, joined = distinct_models(models)
    assert found["name"].tolist() == ["a", "d"] and joined == {0: ["b", "c"]}


def test_a_standard_model_counts_once_at_the_size_at_which_it_was_trained():
    sizes = ("288", "96", "224")
    models = [{"name": "a", "image_size": size, "training": "standard"} for size in sizes]
    models.append({"name": "b", "image_size": "224", "training": "finetuned"})
    found = timm_standard_models(frame(*models))
    assert found[["name", "image_size"]].to_numpy().tolist() == [["a", "96"]]


# --- The sources in git


def test_the_counterparts_are_of_one_backbone(published):
    found = published.models[published.models["counterpart_of"] != ""]
    assert found["name"].is_unique and found["counterpart_of"].nunique() == 9
    table = read_table(ROOT / FOLDER / COUNTERPARTS, ["model", "training"]).set_index("model")
    said = found["name"].map(table["training"]).replace("supervised", "standard")
    assert (said == found["training"]).all()
    tuned = found[found["start"] != ""]
    backbones = found.set_index("name")["counterpart_of"]
    assert (tuned["start"].map(backbones) == tuned["counterpart_of"]).all()
