import re

import msgspec
import pytest

from interpreting_clip.config.probes import Probe
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.config.trainings import Finetune, TrainingRecipe
from interpreting_clip.measures.intervals import Estimate
from page.charts import study_charts
from page.names import format_estimate, format_number
from page.provenance import Provenance
from tests.reads import ROOT
from tests.unit.page.conftest import cells, study_page, table
from tests.unit.page.nesting import Nesting

WHY_APART = "Numbers of the two kinds do not compare."


def dashes(page: str) -> int:
    return sum(table(page, one).count("<td>–") for one in ("Accuracy", "Effective robustness"))


def test_the_page_is_whole_needs_nothing_from_outside_and_is_the_same_twice(study, comparisons):
    text = study_page(study, comparisons)
    found = Nesting(text)
    assert (found.open, found.wrong, found.loads) == ([], [], []) and text == study_page(
        study, comparisons
    )
    assert all("//" not in link or link.startswith("https://arxiv.org/") for link in found.links)
    assert len(found.identifiers) == len(set(found.identifiers))
    charts = re.findall(r'<div class="chart [^"]*" id="chart-([^"]+)"', text)
    spec = r'<script type="application/json" id="spec-([^"]+)">(.*?)</script>'
    specs = dict(re.findall(spec, text))
    assert charts == list(specs) and {c.name for c in study_charts()} <= set(charts)
    panels = [one for spec in specs.values() for one in msgspec.json.decode(spec)["panels"]]
    assert len(panels) == text.count('<div class="panel">') and all(p["values"] for p in panels)


@pytest.mark.usefixtures("undrawn")
def test_a_study_without_random_heads_has_a_page(study):
    for results in study["results"].values():
        results["directions"] |= {"random_importance": [], "random_importance_ratio": None}
        results["prunable"] |= {"chance": None, "random_robustness": None}
        for pruned in results["pruning"].values():
            pruned |= {"random_accuracy": [], "accuracy_chance": None}
    found = table(study_page(study), "Privileged directions")
    assert cells(found, "RN zero-shot, web-broad")[-2] == "–"


@pytest.mark.usefixtures("undrawn")
def test_text_is_escaped_and_controls_are_folded_unless_one_fails(study):
    text = study_page(study)
    assert "a &lt;miniature&gt;" in text and "<p>First &amp; foremost.</p>\n<p>Second.</p>" in text
    assert text.count('<details class="control">') == 7 and "✗" not in text
    study["entries"]["rn_supervised"]["label"] = "<b>&'"
    study["controls"]["cka"]["controls"][0] |= {"found": -0.5, "as_planted": False}
    text = study_page(study)
    assert "<b>" not in text and "</span>&lt;b&gt;&amp;&#39;</th>" in text
    assert "<td>−0.5000</td>" in table(text, "CKA: planted and found")
    assert text.count("✗ no") == text.count('<details class="control" open>') == 1


@pytest.mark.usefixtures("undrawn")
def test_tables_have_the_numbers_of_the_results(study):
    results = study["results"]["rn_supervised"]["robustness"]
    results["natural"] = results["style"] = None
    shifts = results["per_shift"].values()
    accuracies = [one["accuracy"]["value"] for one in shifts]
    mean = Estimate(**results["robustness"])
    link = '<a href="directions/rn_supervised/index.html"><code>rn_supervised</code></a>'
    # Beside both nulls, against all images with both, and at the false discovery rate.
    beside = ["0.2 [0.0, 1.0]", "8.0 [4.0, 15.0]", "5 (by chance 0.0, 0.5)", "33"]
    tables = {
        "Accuracy": map(format_number, (95, *accuracies, results["shift_accuracy"])),
        "Effective robustness": (
            *(format_estimate(mean), "–", "–"),
            *(format_number(one["robustness"]["value"]) for one in shifts),
        ),
        # 14 of the 20 untrained encoders have a kurtosis of 2.6 or more.
        "Kurtosis and outlier features": ("2.60 [2.58, 2.62]", "2.85 ± 0.34", "0.71", "1.3", "0"),
        "Unique concepts of directions": ("16 [15, 17]", *beside, "1.40 [1.30, 1.50]"),
        "Privileged directions": ("12", "20 %", "30 %", "20 %", "12 % [0 %, 20 %]", link),
        "Directions with and without the mean of the class vectors": (
            *("60.4", "0.999", "12", "6.5", "3.1", "31.0", "30 %", "13", "6.5", "41.5"),
        ),
    }
    text = study_page(study)
    for caption, expected in tables.items():
        known = list(expected)
        assert cells(table(text, caption), "RN supervised")[: len(known)] == known, caption
    pruned = table(text, "Mean effective robustness (points) by the share of directions pruned")
    assert cells(pruned, "RN supervised")[::9] == ["9.0", "−9.0‡"]


@pytest.mark.usefixtures("undrawn")
def test_a_training_and_a_probe_name_what_they_started_from(study):
    recipes = load_tree(ROOT / "params.yaml")["recipes"]
    recipe = msgspec.convert(recipes["finetuning"] | {"seed": 7}, TrainingRecipe)
    on = {"dataset": "imagenet_train"}
    own = Finetune(start="rn_web_broad", recipe="mine", **on)
    of_own = Probe(start="rn_web_broad", features="before_projection", **on)
    alone = Probe(start="dino", features="embedding", **on)
    provenance = Provenance(
        recipes={"mine": recipe},
        trainings={"rn_web_broad_finetuned": own},
        probes={"rn_supervised": of_own, "vit_supervised": alone, "elsewhere": of_own},
    )
    text = study_page(study, provenance=provenance)
    trained = cells(table(text, "Encoders trained here"), "RN finetuned, web-broad")
    assert (*trained[:2], trained[-1]) == ("imagenet_train", "mine", "7")
    probes = table(text, "Linear probes")
    assert cells(probes, "RN supervised")[:2] == ["RN zero-shot, web-broad", "before projection"]
    assert cells(probes, "ViT supervised")[0] == "dino" and "elsewhere" not in probes


@pytest.mark.usefixtures("undrawn")
def test_each_kind_of_representation_has_a_table_of_its_own(study):
    assert WHY_APART not in study_page(study)
    study["results"]["rn_supervised"]["kurtosis"]["representation"] = "rectified"
    text = study_page(study)
    assert WHY_APART in text
    for kind, encoders in (("linear", len(study["entries"]) - 1), ("rectified", 1)):
        found = table(text, f"Kurtosis and outlier features: {kind} representations")
        assert found.count('<th scope="row">') == encoders
        assert ("RN supervised<" in found) == (kind == "rectified")


@pytest.mark.usefixtures("undrawn")
def test_extrapolated_numbers_are_marked_and_the_mark_is_explained(study):
    robustness = study["results"]["rn_web_broad"]["robustness"]
    robustness["extrapolated"] = 1
    robustness["per_shift"]["objectnet"]["extrapolated"] = True
    text = study_page(study)
    both = table(text, "Effective robustness")
    found = cells(both, "RN zero-shot, web-broad")
    assert [i for i, cell in enumerate(found) if cell.endswith("‡")] == [0, 1, 6]
    assert "‡" not in "".join(cells(both, "RN supervised")) and "they span" in text


@pytest.mark.usefixtures("undrawn")
def test_what_a_study_or_a_folder_of_activations_lacks_is_a_dash(fewer):
    whole = dashes(study_page(fewer))
    assert whole == 4 * len(fewer["entries"])
    results = fewer["results"]["rn_web_broad"]  # the first encoder's
    robustness, results["concepts"] = results["robustness"], None
    del robustness["per_shift"]["imagenet_r"]
    robustness |= {"not_given": ["imagenet_r"], "robustness": None, "shift_accuracy": None}
    given = {"folder": "runs/<mine>", "sha256": "ab" * 32}
    text = study_page(fewer, provenance=Provenance(given={"rn_web_broad": given}))
    for said in ("No means of RN zero-shot", "No concepts of RN zero-shot", "runs/&lt;mine&gt;"):
        assert said in text
    assert dashes(text) == whole + 4
    for results in fewer["results"].values():
        means = dict.fromkeys(("shift_accuracy", "robustness", "natural", "style"))
        results["robustness"] |= {"per_shift": {}, "not_given": [], **means}
        results["concepts"] = None
    assert 'id="figure-concepts"' not in study_page(fewer)
