"""The first screen of the study's page: its sentences and numbers are those of the files."""

import re
from html import unescape

from interpreting_clip.formats.json import read_json
from page.claims import study_claims
from page.first_screen import insights, real_encoders
from tests.reads import ROOT
from tests.unit.page.conftest import PLOTS, cells, read, table


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", "", html)))


PAGE = (PLOTS / "report.html").read_text()
HEADER = PAGE.partition("<nav")[0].partition("<header>")[2]


def test_real_encoders_have_the_numbers_of_their_files():
    clip = read_json(PLOTS / "arrays/clip_vit_b16.json")
    outliers = clip["kurtosis"]["outliers"]
    assert outliers["outlier_features"] == 1
    share = f"{100 * outliers['share'][0]:.0f} %"
    feature, images = outliers["feature"][0], clip["images"]
    header = text_of(HEADER)
    assert f"has one: feature {feature}, extreme in {share} of {images} images" in header
    random = read_json(PLOTS / "arrays/clip_vit_b16_random.json")["kurtosis"]["outliers"]
    assert random["outlier_features"] == 0 and "with random weights has none" in header
    concepts = read_json(PLOTS / "array_concepts/clip_vit_b16_objects.json")
    unique = concepts["directions"]["unique"]["value"]
    chance = concepts["in_span"]["random"]["value"]
    counted = f"encode {unique} of {len(concepts['concepts'])} concepts; "
    assert f"{counted}random directions in their span encode {chance:.1f}" in header


def test_the_numbers_of_the_study_are_those_of_its_tables():
    rows = table(PAGE, "Accuracy and effective robustness in the mean of the shifts")
    robust = []
    for kind in ("RN zero-shot, ImageNet-Captions", "RN zero-shot, web-broad", "ViT zero-shot"):
        label = next(one for one in re.findall(r"</span>([^<]+)</th>", rows) if kind in one)
        robust += [label] if "▲" in "".join(cells(rows, label)) else []
    found = {"RN zero-shot, web-broad": "rn_web_broad"}
    with_outliers = [
        label
        for label in robust
        if read_json(PLOTS / f"encoders/{found[label]}.json")["kurtosis"]["outliers"]["feature"]
    ]
    counted = f"{len(with_outliers)} of {len(robust)} robust zero-shot encoders have one"
    assert counted in text_of(HEADER)
    for key, verdict in re.findall(r'<a class="verdict (\w+)" href="#claim-([\w-]+)"', HEADER):
        claim = PAGE.partition(f'id="claim-{verdict}"')[2]
        assert f'class="verdict {key}"' in claim.partition("</li>")[0]


def test_each_insight_has_its_claims_and_one_without_a_claim_is_left_out(study):
    claims = study_claims(read(study))
    found = insights(claims)
    keys = [claim.key for insight in found for _, claim in insight.claims]
    assert len(found) == 3 and keys == [claim.key for claim in claims[:4]]
    assert all(len(insight.text.split()) <= 20 and not insight.real for insight in found)
    assert [one.key for _, one in insights(claims[3:4])[0].claims] == [claims[3].key]
    assert insights(claims[4:]) == []
    assert real_encoders([], []) == ("", "", "")


def test_a_study_of_synthetic_images_says_so_first():
    first = text_of(HEADER.partition("<h2")[0])
    assert "they are no evidence for or against the paper" in first
    assert (ROOT / "params.yaml").read_text().split("title: ")[1].split("\n")[0] in first
