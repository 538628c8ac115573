"""The tables of README.md and docs/results.md are the results', and their prose has no figures."""

import re
import tomllib

import pytest
import yaml

from tests.reads import ROOT
from tools import manual

NAMES = {"ImageNet-V2", "ViT-B/16", "ViT-B/32", "95"}
"""Words with digits that are no results: names, and the confidence of the intervals."""

TABLE = re.compile(r"<!-- make docs: .*?<!-- end -->", re.DOTALL)
LINK = re.compile(r"\]\([^)]*\)")
WITH_DIGITS = re.compile(r"[\w./-]*\d[\w./-]*")


@pytest.fixture(autouse=True)
def _in_the_repository(monkeypatch):
    monkeypatch.chdir(ROOT)


def test_the_tables_are_up_to_date():
    manual.main(check=True)


@pytest.mark.parametrize("file", ["README.md", "docs/results.md"])
def test_no_figure_stands_outside_of_the_tables(file):
    text = (ROOT / file).read_text()
    if file == "README.md":
        text = text.partition("\n## Results\n")[2].partition("\n## ")[0]
    typed = {word.strip("./-") for word in WITH_DIGITS.findall(LINK.sub("", TABLE.sub("", text)))}
    assert {word for word in typed if not re.fullmatch("20[12][0-9]", word)} <= NAMES


def test_the_version_and_its_date_are_the_same_everywhere():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    changes = re.findall(r"^## (\d\S*) \((\S+)\)$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert changes[0] == (version, cited["date-released"])
    assert cited["version"] == version
