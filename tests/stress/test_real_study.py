"""Every real source and real architectures, random weights, from fetch to the report."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from interpreting_clip.config.syntax import load_tree
from interpreting_clip.datasets.imagenet import ImageNetClasses, read_imagenet_classes
from interpreting_clip.encoders.encoder import clip_encoder
from interpreting_clip.encoders.encoder_entries import OpenClipModel
from interpreting_clip.formats.result_files import read_result
from interpreting_clip.study.encoder_results import EncoderResults
from tests.integration.downloads.loopback import TOKEN, FileServer, HubServer
from tests.layouts import saved
from tests.pipeline import official_layouts as layouts
from tests.pipeline import zoo
from tests.pipeline.official_layouts import photograph
from tests.pipeline.workspace import Workspace, new_workspace
from tests.reads import ROOT, run_stage

pytestmark = pytest.mark.long

REAL = ROOT / "tests/pipeline/real.yaml"
SHIFTS = ("imagenet_v2", "imagenet_r", "imagenet_sketch", "objectnet", "imagenet_a")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory):
    """Return a clone in which the study of real.yaml has been run, servers still up."""
    folder = tmp_path_factory.mktemp("real")
    classes = read_imagenet_classes(ROOT / "data/reference")
    with FileServer() as files, HubServer() as hub, pytest.MonkeyPatch.context() as patch:
        hub.use(patch, TOKEN)
        patch.setenv("INTERPRETING_CLIP_FOLDERS", str(folder))
        patch.setenv("INTERPRETING_CLIP_OBJECTNET_PASSWORD", layouts.PASSWORD.decode())
        workspace = new_workspace(folder / "clone")
        tree = filled(load_tree(REAL), sources(folder, classes, files, hub))
        (workspace.folder / "params.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))
        workspace.commit("The real study in small")
        zoo.put_open_clip(hub, "RN50-quickgelu", "openai")
        zoo.put_open_clip(hub, "ViT-B-32", "laion2b_s34b_b79k")
        zoo.put_timm(hub, "vit_tiny_patch16_224", "augreg_in21k_ft_in1k")
        zoo.put_timm(hub, "vit_base_patch32_clip_224", "openai_ft_in1k")
        bring_torchvision(workspace, files, patch)
        workspace.repro()
        yield workspace


def filled(node: Any, marks: dict[str, Any]) -> Any:
    """Replace the marks of the real study."""
    if isinstance(node, dict):
        return {key: filled(value, marks) for key, value in node.items()}
    if isinstance(node, list):
        return [filled(value, marks) for value in node]
    return marks.get(node, node) if isinstance(node, str) else node


def sources(
    folder: Path, classes: ImageNetClasses, files: FileServer, hub: HubServer
) -> dict[str, Any]:
    """Write and serve every dataset and the checkpoint; return what stands for them in a study."""
    some = classes.of("imagenet_r")[:8]
    layouts.validation_folder(folder / "val", classes, some)
    train = layouts.class_folders(classes, some, 2, "train")
    layouts.write_files(folder / "train", train)
    names = [name.rpartition("/")[2] for name in train]
    (folder / "imagenet_captions.json").write_bytes(layouts.captions_file(names))
    shard = [(i, saved(photograph(f"r{i}", some[i]), "WEBP")) for i in (0, 1, 2, 3) * 3]
    names = "\n".join(classes.names[index] for index in classes.of("imagenet_r"))
    repository = {"test/0.tar": layouts.webdataset(shard), "classnames.txt": names.encode()}
    hub.add("clip-benchmark/wds_imagenet-r", repository, gated=True)
    a = classes.of("imagenet_a")[:4]
    folders = list(classes.objectnet)[:3]
    archives = {
        "V2": ("v2.tar.gz", layouts.imagenet_v2_archive([2, 10, 100])),
        "SKETCH": ("sketch.zip", layouts.sketch_archive(classes, [5, 700])),
        "OBJECTNET": ("objectnet.zip", layouts.objectnet_archive(classes, folders, "zzz_chair")),
        "A": ("imagenet-a.tar", layouts.imagenet_a_archive(classes, a)),
        "BRODEN": ("broden1_224.zip", layouts.broden_archive(folder / "broden1")),
    }
    marks: dict[str, Any] = {}
    for mark, (name, data) in archives.items():
        files.files[f"/{name}"] = data
        sha256 = hashlib.sha256(data).hexdigest()
        marks[mark] = {"url": f"{files.url}/{name}", "sha256": sha256}
    clip = clip_encoder(OpenClipModel(model="ViT-S-32-alt"), None, 2)
    checkpoint = zoo.training_checkpoint(clip.module)
    (folder / "vit_s.pt").write_bytes(checkpoint)
    return marks | {"VIT_S": hashlib.sha256(checkpoint).hexdigest()}


def bring_torchvision(workspace: Workspace, files: FileServer, patch: pytest.MonkeyPatch) -> None:
    """Run torchvision's `weights` in this process, which knows another URL, and hand it to DVC."""
    workspace.repro("study")
    zoo.put_torchvision(files, patch)
    with pytest.MonkeyPatch.context() as here:
        here.chdir(workspace.folder)
        run_stage("weights", "resnet50")
    workspace.run("dvc", "commit", "--force", "weights@resnet50")


def results(workspace: Workspace, key: str) -> EncoderResults:
    return read_result(workspace.folder / f"plots/encoders/{key}.json", EncoderResults)


def test_every_encoder_is_measured_on_everything(study):
    for key in study.params()["encoders"]:
        measured = results(study, key)
        shifts = measured.robustness.per_shift
        accuracies = [measured.robustness.imagenet, *(shifts[s].accuracy.value for s in SHIFTS)]
        assert all(0 <= accuracy <= 100 for accuracy in accuracies)
        assert measured.kurtosis.kurtosis.value > 0


def test_a_second_run_runs_nothing(study):
    assert study.repro() == set()
