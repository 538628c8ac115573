"""README.md, CITATION.cff and docs/results.md are what the templates make of the results."""

import re
from typing import Any

import pytest

from interpreting_clip.errors import InputError
from tests.reads import ROOT
from tools import documents

TEMPLATES = ROOT / documents.TEMPLATES

NAMES = {
    *("ImageNet-V2", "ViT-B/16", "ViT-B/32", "ViT-L/14", "L/16", "LAION-2B"),
    *("LAION-80M", "LAION-400M"),
}
"""Words with digits that are names of models and data."""

SETTINGS = {"0"}
"""What a feature is set to, to see what that costs."""

LINK = re.compile(r"\]\([^)]*\)|<!--.*?-->", re.DOTALL)
RENDERED = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
WITH_DIGITS = re.compile(r"[\w./-]*\d[\w./-]*")


@pytest.fixture(scope="module")
def values() -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return documents.values_of_results()


@pytest.fixture(autouse=True)
def _known(values, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(documents, "values_of_results", lambda: values)


def test_the_documents_are_what_the_results_say():
    for file, text in documents.documents():
        assert file.read_text() == text, f"{file}: run `make docs`"


@pytest.mark.parametrize("template", ["README.md.jinja", "results.md.jinja"])
def test_no_figure_of_a_result_is_typed(template):
    text = (TEMPLATES / template).read_text()
    if template == "README.md.jinja":
        text = text.partition("\n## Results\n")[2].partition("\n## ")[0]
    text = RENDERED.sub("", LINK.sub("", text))
    typed = {found.strip("./-") for found in WITH_DIGITS.findall(text)}
    assert {one for one in typed if not re.fullmatch("20[12][0-9]", one)} <= NAMES | SETTINGS


def test_a_version_without_its_changes_is_refused(tmp_path, monkeypatch):
    for name in ("pyproject.toml", "CHANGELOG.md"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    monkeypatch.chdir(tmp_path)
    project = tmp_path / "pyproject.toml"
    project.write_text(
        re.sub("^version = .*", 'version = "9.8.7"', project.read_text(), flags=re.M)
    )
    with pytest.raises(InputError, match=r"CHANGELOG\.md: expected .* 9\.8\.7"):
        documents.project()


def test_results_of_another_study_are_refused(values, monkeypatch):
    monkeypatch.setattr(documents, "values_of_results", lambda: values | {"encoders": {}})
    with pytest.raises(InputError, match=r"README\.md\.jinja.*git checkout params\.yaml plots"):
        list(documents.documents())


def test_paragraphs_are_broken_anew_and_all_else_stays():
    row, code = f"| {'a' * 130} | b |", f"```\n{'# long ' * 30}\n```"
    text = documents.wrapped(f"{'12 % ' * 40}\nend\n\n{row}\n\n{code}\n\n* an\n  item\n")
    assert row in text and code in text and "* an\n  item\n" in text
    lines = text.partition("end")[0].splitlines()
    assert max(map(len, lines)) <= documents.WIDTH
    assert not any(line.startswith("%") for line in lines)
