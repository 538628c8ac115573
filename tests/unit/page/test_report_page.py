import re
from typing import Any

import msgspec
import pytest

from interpreting_clip.config.syntax import load_tree
from interpreting_clip.readable import measure_title
from interpreting_clip.study.dataset_entries import DatasetEntry
from interpreting_clip.training.probes import Probe
from interpreting_clip.training.recipes import Finetune, TrainingRecipe
from page.names import format_estimate as estimate
from page.names import format_number as number
from page.names import format_percent as percent
from page.names import format_percents, format_spread, mark
from page.provenance import Provenance
from page.replicas import FurtherEncoder, Replicated
from page.report_page import compared, study_charts
from tests.reads import ROOT
from tests.unit.page.conftest import (
    SHIFTS,
    Tags,
    cells,
    load_study,
    read,
    study_page,
    table,
    undrawn,
)

ZERO_SHOT, SUPERVISED = "RN zero-shot, web-broad", "RN supervised"
FINETUNED = "RN finetuned, web-broad"
WHY_APART = "Numbers of the two kinds do not compare."
SPREAD = Replicated(by_seed={0: 2.5, 1: 3.0, 2: 3.5}, outdated=True)
COUNTS = Replicated(by_seed={0: 2.0, 1: 4.0, 2: 6.0})
LOWER = Replicated(by_seed={1: 20.0, 2: 22.0})
ONE_LEFT_OUT = Replicated(by_seed={0: 20.0, 2: 24.0}, left_out=1)


@pytest.fixture(scope="module")
def whole() -> str:
    """Return the page of the study in the repository."""
    return study_page(load_study())


@pytest.fixture(scope="module")
def changed() -> str:
    """Return the page of a study that has what the one in the repository has not."""
    study = load_study()
    results, on = study["results"], {"dataset": "imagenet_train"}
    study["entries"]["rn_imagenet_captions"]["label"] = "<b>&'"
    study["controls"]["cka"]["controls"][0] |= {"found": -0.5, "as_planted": False}
    replicas = {"kurtosis.kurtosis": SPREAD, "concepts.directions.unique": COUNTS}
    study["replicas"] = {"rn_web_broad": replicas | {"robustness.robustness": ONE_LEFT_OUT}}
    (other,) = (e for e in read(study) if e.key == "rn_web_broad")
    narrow = msgspec.structs.replace(other.entry, label="RN narrow")
    known = {"replicas": {"kurtosis.kurtosis": SPREAD, "robustness.robustness": LOWER}}
    study["further"] = [FurtherEncoder(key="rn_narrow", entry=narrow, other=other, **known)]
    results["rn_web_broad"]["robustness"]["extrapolated"] = 1
    results["rn_web_broad"]["robustness"]["per_shift"]["objectnet"]["extrapolated"] = True
    results["rn_supervised"]["robustness"]["natural"] = None
    results["rn_supervised"]["kurtosis"]["representation"] = "rectified"
    extreme = results["rn_web_broad"]["kurtosis"]
    extreme |= {"centred": None, "centred_outliers": 0}
    extreme["outliers"] |= {"outlier_features": 1, "largest_share": 0.9}
    extreme["outliers"] |= {"total_energy": 0.4, "total_constant": 0.99}
    extreme["outliers"]["sweep"][0]["outlier_features"] = 1
    spread = {"deviation": 3.2, "limit": 7.5, "largest": 6.1, "models": 5}
    for one in results.values():
        one["robustness"]["spread"] = spread
        one["prunable"]["chance"] = None
        one["directions"] |= {"random_importance": [], "random_importance_ratio": None}
        for pruned in one["pruning"].values():
            pruned |= {"random_accuracy": [], "accuracy_chance": None}
    recipe = load_tree(ROOT / "params.yaml")["recipes"]["finetuning"] | {"seed": 7}
    recipes = {"mine": msgspec.convert(recipe, TrainingRecipe)}
    trainings = {"rn_web_broad_finetuned": Finetune(start="rn_web_broad", recipe="mine", **on)}
    of_own = Probe(start="rn_web_broad", features="before_projection", **on)
    probes = {"rn_supervised": of_own, "elsewhere": of_own}
    probes["vit_supervised"] = Probe(start="dino", features="embedding", **on)
    folder = {"folder": "web", "limit": 9, "partial": True}
    hub = {"repository": "a/b", "revision": "main"}
    entries = {
        "imagenet_val": {"kind": "imagenet", "source": "hub", "hub": hub},
        "imagenet_r": {"kind": "absent", "source": "none"},
        "web": {"kind": "captions", "source": "folder"} | folder,
    }
    sets = msgspec.convert(entries, dict[str, DatasetEntry])
    with undrawn():
        return study_page(
            study, Provenance(datasets=sets, recipes=recipes, trainings=trainings, probes=probes)
        )


def test_the_page_is_well_formed_and_needs_nothing_from_outside(whole):
    found = Tags(whole)
    assert (found.wrong, found.loads) == ([], [])
    assert all("//" not in link or link.startswith("https://arxiv.org/") for link in found.links)
    assert len(found.identifiers) == len(set(found.identifiers))
    charts = re.findall(r'<div class="chart [^"]*" id="chart-([^"]+)"', whole)
    spec = r'<script type="application/json" id="spec-([^"]+)">(.*?)</script>'
    specs = dict(re.findall(spec, whole))
    assert charts == list(specs) and {c.name for c in study_charts()} <= set(charts)
    panels = [one for spec in specs.values() for one in msgspec.json.decode(spec)["panels"]]
    assert len(panels) == whole.count('<div class="panel">') and all(p["values"] for p in panels)


def test_text_is_escaped_and_a_control_is_open_if_it_fails(whole, changed):
    assert "a &lt;miniature&gt;" in whole
    assert "<p>First &amp; foremost.</p>\n<p>Second.</p>" in whole
    assert "<b>" not in changed and "</span>&lt;b&gt;&amp;&#39;</th>" in changed
    assert "✗" not in whole and '<details class="control" open>' not in whole
    assert changed.count("✗ no") == changed.count('<details class="control" open>') == 1
    assert "<td>−0.5000</td>" in table(changed, "CKA and mutual neighbours: planted and found")


def test_tables_have_the_numbers_of_the_results(study, whole):
    (encoder,) = (e for e in read(study) if e.key == "rn_supervised")
    found, nulls = encoder.results, study["nulls"]["rn"]["numbers"]
    null = nulls["kurtosis"]
    robustness, kurtosis, prunable = found.robustness, found.kurtosis.kurtosis, found.prunable
    centred, axis = found.kurtosis.centred, found.outlier_axes.axes[0]
    extreme = axis.share, axis.energy, axis.constant
    on_shift = [robustness.per_shift[shift] for shift in SHIFTS]
    accuracies = [robustness.imagenet, *(one.accuracy.value for one in on_shift)]
    heights = [one.robustness and one.robustness.value for one in on_shift]
    means = map(estimate, (robustness.robustness, robustness.natural, robustness.style))
    p_value = (sum(one >= kurtosis.value for one in null) + 1) / (len(null) + 1)
    counts: Any = found.concepts and found.concepts.directions
    chances = (counts.over_all_permuted.value, counts.over_all_random.value)
    over_all = f"{counts.over_all} (by chance {', '.join(map(number, chances))})"
    head, mean_row = found.directions, found.directions.mean_row
    pruned = zip(prunable.fractions, prunable.robustness or [], strict=True)
    tables = {
        "Accuracy": [*map(number, accuracies), number(robustness.shift_accuracy)],
        "Effective robustness": [*means, *map(number, heights)],
        "Kurtosis and outlier features": [
            *(estimate(kurtosis, 2), estimate(centred, 2)),
            *(format_spread(null, 2), number(p_value, 3)),
            format_spread(nulls["centred_kurtosis"], 2),
        ],
        "Outlier features and the head": [
            *(f"{axis.feature}§", *(number(100 * one) for one in extreme)),
            number(axis.cosine, 2),
        ],
        "Unique concepts of directions": [
            *(estimate(counts.unique, 0), estimate(counts.random)),
            f"{number(counts.random_p, 3)} ± {number(counts.random_p_error, 3)}",
            *(over_all, estimate(counts.polysemanticity, 2)),
        ],
        "Privileged directions": [
            *(str(head.directions), percent(prunable.prunable), percent(prunable.by_accuracy)),
            *(f"{percent(prunable.by_robustness)}‡", format_percents(prunable.chance)),
            '<a href="directions/rn_supervised/index.html"><code>rn_supervised</code></a>',
        ],
        "Directions with and without the mean of the class vectors": [
            *(number(100 * mean_row.energy), number(mean_row.cosine, 3), str(head.directions)),
            *(number(head.spectrum), number(head.importance_ratio)),
        ],
        "Mean effective robustness (points) by the share of directions pruned": [
            number(value) + mark(share in prunable.extrapolated) for share, value in pruned
        ],
    }
    for caption, known in tables.items():
        assert cells(table(whole, caption), SUPERVISED)[: len(known)] == known, caption


def test_what_is_measured_of_two_encoders_has_a_table_with_a_row_for_each_comparison(study, whole):
    measures = compared(study["comparisons"])
    assert measures
    for name, results in measures.items():
        shown = table(whole, measure_title(name))
        assert ">P value<" not in shown
        for one in (result.numbers[0] for result in results):
            cells_of_one = (number(value, one.digits) for value in (one.value, one.chance))
            assert "".join(f"<td>{cell}</td>" for cell in cells_of_one) in shown


def test_the_page_names_what_encoders_and_datasets_come_from(changed):
    datasets = table(changed, "Datasets")
    known = ["imagenet", "hub: a/b at main", "2000", "24", "–", "whole", "–"]
    assert cells(datasets, "imagenet_val") == known
    part = "a fixed subset of about 9 images; only a part of the set is there"
    assert cells(datasets, "web") == ["captions", "folder: web", "–", "–", "–", part, "–"]
    assert cells(datasets, "imagenet_r")[0] == "absent"
    trained = cells(table(changed, "Encoders trained here"), "RN finetuned, web-broad")
    assert (*trained[:2], trained[-1]) == ("imagenet_train", "mine", "7")
    probes = table(changed, "Linear probes")
    assert cells(probes, SUPERVISED)[:2] == [ZERO_SHOT, "before projection"]
    assert cells(probes, "ViT supervised")[0] == "dino" and "elsewhere" not in probes


def test_only_a_study_of_synthetic_images_says_that_it_does_not_test_the_paper(fewer, changed):
    sets = load_tree(ROOT / "params.yaml")["datasets"]
    with undrawn():
        synthetic = study_page(
            fewer, Provenance(datasets=msgspec.convert(sets, dict[str, DatasetEntry]))
        )
    for text, said in ((synthetic, True), (changed, False)):
        opening = text.partition("<main>")[0]
        assert ("not the paper" in opening) == ("synthetic" in text) == said
    assert "synthetic ImageNet-R" in synthetic


def test_claims_that_are_not_the_papers_say_whose_they_are(changed):
    claim = changed[changed.index('id="claim-narrower-data"') :].partition("</li>")[0]
    paper = changed[changed.index('id="claim-robustness-order"') :].partition("</li>")[0]
    assert "Fang et al." in claim and "Fang et al." not in paper


def test_each_kind_of_representation_has_a_table_of_its_own(study, whole, changed):
    assert WHY_APART in changed and WHY_APART not in whole
    for kind, encoders in (("linear", len(study["entries"]) - 1), ("rectified", 1)):
        found = table(changed, f"Kurtosis and outlier features: {kind} representations")
        assert found.count('<th scope="row">') == encoders
        assert (f"{SUPERVISED}<" in found) == (kind == "rectified")


def test_outlier_features_stand_beside_those_minus_the_mean_image_and_their_energy(changed):
    kurtosis = table(changed, "Kurtosis and outlier features: linear representations")
    shown = cells(kurtosis, ZERO_SHOT)
    assert shown[1] == "–" and shown[6:10] == ["1", "0", "40 %", "99 %"]
    assert cells(kurtosis, FINETUNED)[6:10] == ["0", "0", "–", "–"]


def test_extrapolated_numbers_and_replicas_are_marked_and_what_lacks_is_a_dash(changed):
    both = table(changed, "Effective robustness")
    assert "]‡<" in cells(both, ZERO_SHOT)[0]
    assert "± 2.8 (without 1 of 3 seeds ‡)" in cells(both, ZERO_SHOT)[0]
    marked = [i for i, cell in enumerate(cells(both, ZERO_SHOT)) if cell.endswith("‡")]
    assert marked == [1, 6] and "they span" in changed
    assert cells(both, SUPERVISED)[1] == "–" and "‡" not in "".join(cells(both, SUPERVISED))
    assert cells(table(changed, "Privileged directions"), ZERO_SHOT)[-2] == "–"
    kurtosis = table(changed, "Kurtosis and outlier features: linear representations")
    assert cells(kurtosis, ZERO_SHOT)[0].endswith("] ± 0.50¶")
    seeds = cells(table(changed, "The encoders over seeds"), ZERO_SHOT)
    assert "3.00 ± 0.50" in seeds[3] and "4.0 ± 2.0" in seeds[4] and "2 to 6" in seeds[4]
    assert (
        "22.0 ± 2.8" in seeds[2] and "1 of 3 seeds ‡" in seeds[2] and "of 3 seeds" not in seeds[3]
    )


def test_what_is_more_robust_than_standard_models_is_marked_unless_extrapolated(changed):
    both = table(changed, "Effective robustness")
    beyond = {row: "▲" in cells(both, row)[0] for row in (ZERO_SHOT, FINETUNED, SUPERVISED)}
    assert beyond == {ZERO_SHOT: False, FINETUNED: True, SUPERVISED: False}
    assert "0 ± 3.2 points" in changed and "within ± 7.5" in changed


def test_a_folder_of_activations_may_lack_a_shift_and_concepts(fewer):
    robustness = fewer["results"]["rn_web_broad"]["robustness"]  # the first encoder's
    del robustness["per_shift"]["imagenet_r"]
    robustness |= {"not_given": ["imagenet_r"], "robustness": None, "shift_accuracy": None}
    fewer["results"]["rn_web_broad"]["concepts"] = None
    given = {"folder": "runs/<mine>", "sha256": "ab" * 32}
    with undrawn():
        text = study_page(fewer, Provenance(given={"rn_web_broad": given}))
        for results in fewer["results"].values():
            results["concepts"] = None
        bare = study_page(fewer)
    for said in ("robustness of RN zero-shot", "concepts of RN zero-shot", "runs/&lt;mine&gt;"):
        assert said in text
    for caption in ("Accuracy", "Effective robustness"):
        dashes = [cells(table(text, caption), row).count("–") for row in (ZERO_SHOT, SUPERVISED)]
        assert dashes == [4, 2]
    assert 'id="figure-concepts"' in text and 'id="figure-concepts"' not in bare


def test_encoders_of_the_study_of_replicas_have_a_table_of_their_own(whole, changed):
    caption = "Encoders of the study of replicas alone"
    assert caption not in whole
    shown = cells(table(changed, caption), "RN narrow")
    assert "21.0 ± 1.4" in shown[2] and "3.00 ± 0.50" in shown[3]
    assert shown[-2:] == ["−2.0", "1"] and f"Minus {ZERO_SHOT}" in table(changed, caption)
    assert 'id="claim-narrower-data"' in changed and Tags(changed).wrong == []
