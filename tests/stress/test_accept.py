"""`make accept` against a hub of this machine: random weights, and a few images in place of all."""

import re
import shlex
import sys
from typing import Any

import pytest
import yaml

from interpreting_clip.config.syntax import load_tree
from interpreting_clip.datasets.imagenet import read_imagenet_classes
from tests.integration.downloads.loopback import HubServer
from tests.pipeline import official_layouts as layouts
from tests.pipeline import zoo
from tests.pipeline.official_layouts import photograph
from tests.pipeline.workspace import Workspace, new_workspace
from tests.reads import ROOT
from tests.unit.datasets.conftest import saved
from tools.accept import ENCODER, FOLDER, STUDY

pytestmark = pytest.mark.long

COMMAND = (sys.executable, "-m", "tools", "accept")


@pytest.fixture(scope="module")
def hub():
    """Yield a hub with what the study asks for: 24 and 12 images of 12 classes, random weights."""
    names = "\n".join(read_imagenet_classes(ROOT / "data/reference").names).encode()
    with HubServer() as server, pytest.MonkeyPatch.context() as patch:
        server.use(patch)
        for repository, number in (("wds_imagenet1k", 24), ("wds_imagenetv2", 12)):
            images = [
                (80 * (i % 12), saved(photograph(f"{repository}{i}", i % 12), "WEBP"))
                for i in range(number)
            ]
            files = {"test/0.tar": layouts.webdataset(images), "classnames.txt": names}
            server.add(f"clip-benchmark/{repository}", files)
        zoo.put_open_clip(server, "ViT-B-32-quickgelu", "openai")
        yield server


@pytest.fixture(scope="module")
def workspace(hub: HubServer, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Return a repository whose acceptance study fits the hub: a part of each set, one template."""
    workspace = new_workspace(tmp_path_factory.mktemp("accept") / "clone")
    file = workspace.folder / STUDY
    tree: dict[str, Any] = load_tree(file)
    for key in ("imagenet_val", "imagenet_v2"):
        tree["datasets"][key] |= {"partial": True}
    tree["datasets"]["imagenet_v2"]["hub"]["revision"] = "main"
    tree["heads"]["zero_shot"]["templates"] = ["a photo of a {}."]
    tree["layers"] = {"images": 8, "minibatch": 4}
    tree["participation_ratio"]["blocks"] = 5
    file.write_text(yaml.safe_dump(tree, sort_keys=False))
    workspace.commit("An acceptance study for the tests")
    return workspace


@pytest.fixture(scope="module")
def first(workspace: Workspace) -> str:
    """Return what the first run prints."""
    return workspace.run(*COMMAND, ok=False)


def posted(said: str) -> str:
    """Return the lines to post; a run that stopped has none."""
    parts = said.split("```\n")
    assert len(parts) == 3, said
    return parts[1]


@pytest.mark.parametrize(
    "line",
    [
        r"ImageNet +\d+\.\d\d % of 24 images; a part of the set, published 63\.32 %, .*: DIFFERS",
        r"ImageNet-V2 +\d+\.\d\d % of 12 images; .* published 55\.92 %, ±0\.3: DIFFERS",
        r"kurtosis +\d+\.\d\d \[\d+\.\d\d, \d+\.\d\d\] on 24 images; .*",
        r"outlier features +none beyond 6 σ in 50% of images; expected 92, or any: DIFFERS",
        r"source +ImageNet: clip-benchmark/wds_imagenet1k@[0-9a-f]{40}",
        r"time +\d+ minutes of stages",
        r"verdict +DIFFERS from what is published",
    ],
)
def test_the_disagreement_of_random_weights_is_reported(first: str, line: str):
    assert re.search(f"^{line}$", posted(first), re.MULTILINE)


def test_the_outputs_of_six_stages_have_their_digests(first: str):
    """Stage `weights` has two."""
    assert len(re.findall(r"^md5 +data/\S+ [0-9a-f]{32}\.dir$", posted(first), re.MULTILINE)) == 7


def test_nothing_here_changes(workspace: Workspace, first: str):
    assert first
    assert workspace.run("git", "status", "--porcelain") == ""
    assert not (workspace.folder / f"metrics/encoders/{ENCODER}.json").exists()
    assert not (workspace.folder / "dvc.lock").exists()
    assert not (workspace.folder / ".dvc/cache").exists()


def test_a_second_run_computes_nothing_says_the_same_and_exits_with_1(workspace, first: str):
    said = workspace.run("sh", "-c", f"{shlex.join(COMMAND)}; echo status $?")
    assert "Running stage" not in said
    assert said.endswith("status 1\n")
    assert posted(said) == posted(first)


def test_after_a_new_commit_the_clone_follows_and_keeps_its_results(workspace, first: str):
    """The commit brings another dvc.lock, as one of the miniature's results does."""
    (workspace.folder / "README.md").write_text("Another text.\n")
    (workspace.folder / "dvc.lock").write_text("schema: '2.0'\nstages: {}\n")
    workspace.commit("Another text")
    said = workspace.run(*COMMAND, ok=False)
    ran = set(re.findall(r"^Running stage '(.+)':$", said, re.MULTILINE))
    assert not {name for name in ran if name.partition("@")[0] in ("fetch", "weights", "extract")}
    assert (workspace.folder / FOLDER / "README.md").read_text() == "Another text.\n"
    old, new = (posted(text).splitlines() for text in (first, said))
    changed = {a.split()[0] for a, b in zip(old, new, strict=True) if a != b}
    assert "interpreting-clip" in changed  # the commit
    assert changed <= {"interpreting-clip", "time"}
