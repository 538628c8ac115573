"""The study's page: the results are on it, whatever a study has or lacks."""

import re
from typing import Any

import msgspec
import pytest

from interpreting_clip.config.syntax import load_tree
from interpreting_clip.formats.result_tables import format_number as number
from interpreting_clip.study.dataset_entries import DatasetEntry
from page.further_encoders import FurtherEncoder
from page.names import format_estimate as estimate
from page.names import format_spread
from page.provenance import Provenance
from page.replicas import Replicated
from page.report_page import study_charts
from tests.reads import ROOT
from tests.unit.page.conftest import (
    SHIFTS,
    Tags,
    cells,
    interval,
    load_study,
    read,
    study_page,
    table,
    tables_of,
    undrawn,
)

ZERO_SHOT, SUPERVISED = "RN zero-shot, web-broad", "RN supervised"
SPREAD = Replicated(by_seed={0: 2.5, 1: 3.0, 2: 3.5})
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
    results = study["results"]
    study["entries"]["rn_imagenet_captions"]["label"] = "<b>&'"
    replicas = {"kurtosis.kurtosis": SPREAD, "robustness.robustness": ONE_LEFT_OUT}
    study["replicas"], study["outdated"] = {"rn_web_broad": replicas}, ["concepts", "prunable"]
    (other,) = (e for e in read(study) if e.key == "rn_web_broad")
    narrow = msgspec.structs.replace(other.entry, label="RN narrow")
    known = {"kurtosis.kurtosis": SPREAD, "robustness.robustness": LOWER}
    study["further"] = [
        FurtherEncoder(key="rn_narrow", entry=narrow, other=other, replicas=known, differs=("x",))
    ]
    for key in results:
        results[key]["robustness"]["curved"] = None
    vits = {"vit_web_broad": 40.0, "vit_web_broad_finetuned": 2.0, "vit_supervised": 0.0}
    for key, mean in vits.items():
        curve = {"robustness": interval(mean), "limit": 4.0, "draws": [mean] * 1000}
        curve |= {"knees": {}, "per_shift": {}, "standard": 0.0}
        results[key]["robustness"] |= {"curved": curve, "extrapolated": 0}
        for one in results[key]["robustness"]["per_shift"].values():
            one["extrapolated"] = False
        results[key]["kurtosis"]["outliers"]["outlier_features"] = int(mean > 4)
    results["rn_web_broad"]["robustness"]["extrapolated"] = 1
    results["rn_web_broad"]["robustness"]["per_shift"]["objectnet"]["extrapolated"] = True
    results["rn_web_broad"]["kurtosis"] |= {"centred": None, "centred_outliers": 0}
    results["rn_supervised"]["robustness"]["natural"] = None
    results["rn_supervised"]["kurtosis"]["representation"] = "rectified"
    hub = {"repository": "a/b", "revision": "main"}
    folder = {"folder": "web", "limit": 9, "partial": True}
    entries = {
        "imagenet_val": {"kind": "imagenet", "source": "hub", "hub": hub},
        "imagenet_r": {"kind": "absent", "source": "none"},
        "web": {"kind": "captions", "source": "folder"} | folder,
    }
    sets = msgspec.convert(entries, dict[str, DatasetEntry])
    with undrawn():
        return study_page(study, Provenance(datasets=sets))


def test_the_page_is_well_formed_and_needs_nothing_from_outside(whole, changed):
    found = Tags(whole)
    assert (found.wrong, found.loads, Tags(changed).wrong) == ([], [], [])
    assert all("//" not in link or link.startswith("https://arxiv.org/") for link in found.links)
    assert len(found.identifiers) == len(set(found.identifiers))
    charts = re.findall(r'<div class="chart [^"]*" id="chart-([^"]+)"', whole)
    assert {chart.name for chart in study_charts()} <= set(charts)
    assert "a &lt;miniature&gt;" in whole
    assert "<b>" not in changed and "</span>&lt;b&gt;&amp;&#39;</th>" in changed


def test_rectified_encoders_are_not_among_the_corrected_p_values(whole, changed):
    counted = [int(re.findall(r"by Holm over the (\d+)", page)[0]) for page in (whole, changed)]
    assert counted[1] == counted[0] - 1
    assert "by construction" in changed and "by construction" not in whole


def test_tables_have_the_numbers_of_the_results(study, whole):
    (encoder,) = (e for e in read(study) if e.key == "rn_supervised")
    found, null = encoder.results, study["nulls"]["rn"]["numbers"]["kurtosis"]
    robustness, kurtosis, prunable = found.robustness, found.kurtosis.kurtosis, found.prunable
    on_shift = [robustness.per_shift[shift] for shift in SHIFTS]
    heights = [one.robustness and one.robustness.value for one in on_shift]
    curved, concepts, ratio = robustness.curved, found.concepts, found.participation_ratio
    assert concepts and concepts.directions and concepts.features
    means = map(estimate, (robustness.robustness, robustness.natural, robustness.style))
    p_value = (sum(one >= kurtosis.value for one in null) + 1) / (len(null) + 1)
    tables = {
        "Accuracy and effective robustness in the mean of the shifts": [
            *(number(robustness.imagenet), number(robustness.shift_accuracy)),
            *(estimate(curved and curved.robustness), number(curved and curved.limit)),
        ],
        "Accuracy (%)": [number(one.accuracy.value) for one in on_shift],
        "Effective robustness on straight lines (points)": [*means, *map(number, heights)],
        "Kurtosis and outlier features": [
            *(estimate(kurtosis, 2), format_spread(null, 2), number(p_value, 3)),
        ],
        "Unique concepts": [
            cell
            for counts in (concepts.directions, concepts.features)
            for cell in (estimate(counts.unique, 0), number(counts.random and counts.random.value))
        ],
        "Prunable directions (%)": [number(100 * prunable.by_accuracy, 0)],
        "Participation ratio": [
            *(estimate(ratio.dimensions), number(ratio.numbers[0].chance), str(ratio.features)),
        ],
    }
    for caption, known in tables.items():
        assert cells(table(whole, caption), SUPERVISED)[: len(known)] == known, caption
        assert "untrained" not in table(whole, caption)


def test_only_a_study_of_synthetic_images_says_that_it_does_not_test_the_paper(fewer, changed):
    sets = load_tree(ROOT / "params.yaml")["datasets"]
    with undrawn():
        synthetic = study_page(
            fewer, Provenance(datasets=msgspec.convert(sets, dict[str, DatasetEntry]))
        )
    for text, said in ((synthetic, True), (changed, False)):
        assert ("no evidence for or against the paper" in text.partition("<main>")[0]) == said
    assert "synthetic ImageNet-R" in synthetic and "synthetic ImageNet-R" not in changed


def test_robust_encoders_are_marked_and_claims_have_their_table(changed):
    robustness = table(changed, "Accuracy and effective robustness in the mean of the shifts")
    found = [cells(robustness, f"ViT {kind}, web-broad")[2:] for kind in ("zero-shot", "finetuned")]
    assert found == [["40.0 [39.0, 41.0]▲", "4.0"], ["2.0 [1.0, 3.0]", "4.0"]]
    claim = changed[changed.index('id="claim-outliers-indicate-robustness"') :]
    assert "1 of 1 robust encoders and 0 of 2 that are not robust" in claim
    rows = table(claim, "outlier features")
    assert cells(rows, "ViT zero-shot, web-broad")[:4] == ["1", "yes", "40.0 [39.0, 41.0]", "4.0"]
    verdicts = [
        cells(rows, row)[-1] for row in ("ViT zero-shot, web-broad", "RN finetuned, web-broad")
    ]
    assert verdicts == ["supported", "–"]
    ours = changed.index("claims that are not the paper’s")
    for key, is_ours in (("concept-order", False), ("prunable", False), ("robustness-order", True)):
        assert (f'id="claim-{key}"' in changed[ours:]) == is_ours


def test_extrapolated_numbers_are_marked_and_what_lacks_is_a_dash(changed):
    straight = table(changed, "Effective robustness on straight lines (points)")
    marked = [i for i, cell in enumerate(cells(straight, ZERO_SHOT)) if cell.endswith("‡")]
    assert marked == [0, 1, 6]  # the mean, that of natural shifts, and ObjectNet
    assert cells(straight, SUPERVISED)[1] == "–" and "‡" not in "".join(cells(straight, SUPERVISED))
    # each kind of representation has a table
    kurtosis = table(changed, "Kurtosis and outlier features: linear representations")
    assert SUPERVISED not in kurtosis


def test_means_over_seeds_are_shown_of_what_is_current(changed):
    straight = cells(table(changed, "Effective robustness on straight lines (points)"), ZERO_SHOT)
    assert straight[0].startswith("22.0 [")
    kurtosis = table(changed, "Kurtosis and outlier features: linear representations")
    assert cells(kurtosis, ZERO_SHOT)[0].startswith("3.00 [")
    # no replicas: the study's own
    assert cells(kurtosis, "RN finetuned, web-broad")[0].startswith("2.")
    seeds = table(changed, "Mean ± SD over seeds")
    assert cells(seeds, ZERO_SHOT) == [*["–"] * 3, "3.00 ± 0.50", "–", "–"]
    assert "replicas of concepts, prunable are out of date" in changed
    assert cells(seeds, "RN narrow")[3] == "3.00 ± 0.50"


def test_the_set_of_the_concepts_is_named(study):
    given = {"source": "folder", "folder": "coco", "presence": "boxes"}
    sets = {"broden": {"kind": "coco", "annotations": "instances_val2017.json"} | given}
    with undrawn():
        text = study_page(
            study, Provenance(datasets=msgspec.convert(sets, dict[str, DatasetEntry]))
        )
        other = study_page(study)
    named = "{} concepts that are encoded", " concepts in {} any of them", "In {}’s names"
    for words in named:
        assert words.format("Broden") in other and words.format("Broden") not in text
    for words in named[:2]:
        assert words.format("COCO") in text


def test_a_folder_of_activations_may_lack_a_shift_and_concepts(fewer):
    robustness = fewer["results"]["rn_web_broad"]["robustness"]  # the first encoder's
    del robustness["per_shift"]["imagenet_r"]
    robustness |= {"not_given": ["imagenet_r"], "robustness": None, "shift_accuracy": None}
    fewer["results"]["rn_web_broad"]["concepts"] = None
    with undrawn():
        text = study_page(fewer)
        for results in fewer["results"].values():
            results["concepts"] = None
        bare = study_page(fewer)
    for caption, counts in (
        ("Accuracy (%)", [3, 2]),
        ("Effective robustness on straight lines (points)", [4, 2]),
    ):
        found = [cells(table(text, caption), row) for row in (ZERO_SHOT, SUPERVISED)]
        assert [row.count("–") for row in found] == counts
    assert 'id="figure-concepts"' in text and 'id="figure-concepts"' not in bare


def test_the_layer_with_the_largest_ratio_is_shown_of_encoders_that_have_layers(study):
    def layer(name: str, ratio: float | None, outliers: int) -> dict[str, Any]:
        numbers = {"massive": interval(0.0), "kurtosis": interval(3.0), "isotropic_kurtosis": 2.9}
        return numbers | {
            "ratio": None if ratio is None else interval(ratio),
            "isotropic_ratio": 4.5,
            **{"outlier_features": outliers, "largest_share": 0.0, "feature": []},
            "layer": name,
            **{"massive_feature": 3, "features": 64, "values": 64},
        }

    for results in study["results"].values():
        results.pop("layer_outliers", None)
    with undrawn():
        assert "<caption>Outliers by layer" not in study_page(study)
        layers = [layer("stem", 12.0, 2), layer("stage1", 7.0, 0), layer("output", None, 1)]
        study["results"]["rn_web_broad"]["layer_outliers"] = layers
        study["results"]["rn_supervised"]["layer_outliers"] = [layer("stem", None, 0)]
        shown = table(study_page(study), "Outliers by layer")
    assert cells(shown, ZERO_SHOT) == ["stem", "12.0 [11.0, 13.0]", "4.5", "2", "1"]
    assert cells(shown, SUPERVISED) == [*["–"] * 4, "0"] and shown.count("<tr>") == 2
    rows = tables_of(study)["layer_outliers"]
    assert rows["layer"].tolist() == ["stem", "stage1", "output", "stem"]
    assert rows["chance"].tolist() == [4.5] * 4 and rows["ratio"].count() == 2
