import msgspec

from interpreting_clip.config.datasets import Archive, DatasetEntry
from interpreting_clip.config.probes import Probe
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.config.trainings import Finetune, TrainingRecipe
from page.provenance import Provenance, dataset_rows, probe_rows, training_rows
from tests.reads import ROOT

DIGEST = "0" * 64


def entry(**keys):
    return msgspec.convert(keys, DatasetEntry)


def test_a_set_says_where_it_is_from_and_what_of_it_is_there(encoders):
    hub = {"repository": "a/b", "revision": "main"}
    url = "https://example.org/r.tar"
    rows = dataset_rows(
        {
            "imagenet_val": entry(kind="imagenet", source="hub", hub=hub),
            "imagenet_r": entry(
                kind="imagenet_r",
                source="archive",
                archive=[msgspec.to_builtins(Archive(url=url, sha256=DIGEST))],
            ),
            "web": entry(kind="captions", source="folder", folder="web", limit=9, partial=True),
            "broden": entry(kind="absent", source="none"),
        },
        encoders,
    )
    assert [row.source for row in rows[:3]] == ["hub: a/b at main", url, "folder: web"]
    assert [(row.images, row.classes) for row in rows[:3]] == [(1500, 12), (1500, 12), (None, None)]
    assert rows[2].limits == "a fixed subset of about 9 images; only a part of the set is there"
    assert (rows[1].limits, rows[3].kind, rows[3].images) == ("whole", "absent", None)


def test_a_training_names_its_recipe_and_seed_and_others_have_none(encoders):

    recipes = load_tree(ROOT / "params.yaml")["recipes"]
    recipe = msgspec.convert(recipes["finetuning"] | {"seed": 7}, TrainingRecipe)
    own = Finetune(start="rn_web_broad", dataset="imagenet_train", recipe="mine")
    provenance = Provenance(recipes={"mine": recipe}, trainings={"rn_web_broad_finetuned": own})
    (row,) = training_rows(provenance, encoders)
    assert (row.name, row.dataset, row.seed) == ("RN finetuned, web-broad", "imagenet_train", 7)


def test_a_probe_names_the_encoder_that_it_was_fitted_to(encoders):
    own = Probe(start="rn_web_broad", dataset="imagenet_train", features="before_projection")
    alone = Probe(start="dino", dataset="imagenet_train", features="embedding")
    probes = {"rn_supervised": own, "vit_supervised": alone, "elsewhere": own}
    rows = probe_rows(Provenance(probes=probes), encoders)
    assert [(row.name, row.start, row.features) for row in rows] == [
        ("RN supervised", "RN zero-shot, web-broad", "before projection"),
        ("ViT supervised", "dino", "embedding"),
    ]
