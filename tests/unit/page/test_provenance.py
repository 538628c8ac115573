import msgspec

from interpreting_clip.config.datasets import DatasetEntry
from interpreting_clip.config.probes import Probe
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.config.trainings import Finetune, TrainingRecipe
from page.provenance import Provenance, dataset_rows, probe_rows, training_rows
from tests.reads import ROOT


def test_a_set_says_where_it_is_from_and_what_of_it_is_there(encoders):
    archive = {"url": "https://example.org/r.tar", "sha256": "0" * 64}
    hub = {"repository": "a/b", "revision": "main"}
    folder = {"folder": "web", "limit": 9, "partial": True}
    datasets = {
        "imagenet_val": {"kind": "imagenet", "source": "hub", "hub": hub},
        "imagenet_r": {"kind": "imagenet_r", "source": "archive", "archive": [archive]},
        "web": {"kind": "captions", "source": "folder", **folder},
        "broden": {"kind": "absent", "source": "none"},
    }
    rows = dataset_rows(msgspec.convert(datasets, dict[str, DatasetEntry]), encoders)
    sources = ["hub: a/b at main", archive["url"], "folder: web"]
    assert [row.source for row in rows[:3]] == sources
    counts = [(row.images, row.classes) for row in rows]
    assert counts == [(1500, 12), (1500, 12), (None, None), (None, None)]
    assert rows[2].limits == "a fixed subset of about 9 images; only a part of the set is there"
    assert (rows[1].limits, rows[3].kind) == ("whole", "absent")


def test_a_training_and_a_probe_name_what_they_started_from(encoders):
    recipes = load_tree(ROOT / "params.yaml")["recipes"]
    recipe = msgspec.convert(recipes["finetuning"] | {"seed": 7}, TrainingRecipe)
    own = Finetune(start="rn_web_broad", dataset="imagenet_train", recipe="mine")
    of_own = Probe(start="rn_web_broad", dataset="imagenet_train", features="before_projection")
    alone = Probe(start="dino", dataset="imagenet_train", features="embedding")
    provenance = Provenance(
        recipes={"mine": recipe},
        trainings={"rn_web_broad_finetuned": own},
        probes={"rn_supervised": of_own, "vit_supervised": alone, "elsewhere": of_own},
    )
    (row,) = training_rows(provenance, encoders)
    assert (row.name, row.dataset, row.seed) == ("RN finetuned, web-broad", "imagenet_train", 7)
    assert [(row.name, row.start, row.features) for row in probe_rows(provenance, encoders)] == [
        ("RN supervised", "RN zero-shot, web-broad", "before projection"),
        ("ViT supervised", "dino", "embedding"),
    ]
