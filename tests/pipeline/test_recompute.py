"""What DVC says and does after an edit of a parameter, of code or of a locked version."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.pipeline.workspace import Workspace

KURTOSIS = "kurtosis@rn_web_broad"


def stale(workspace: Workspace) -> set[str]:
    """Return what `dvc status` names, and each other that would run before it runs at all."""
    return set(json.loads(workspace.dvc("status", "--json"))) - {"study"}


def edit(workspace: Workspace, file: str, old: str, new: str) -> None:
    path: Path = workspace.folder / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))


def test_other_kernels_reach_every_stage_that_computes(edited):
    edited.change("kernels", "native")
    assert stale(edited) == edited.lock().keys() - {"study", "code"}


def test_a_reworded_comment_runs_the_fingerprints_alone(clean):
    edit(
        clean, "interpreting_clip/measures/cka.py", '"""Minibatch CKA', '# A comment.\n"""How alike'
    )
    edit(clean, "interpreting_clip/synthetic/shapes.py", "import", "# Another.\nimport")
    assert clean.repro() == {"code"}
    assert clean.run("git", "status", "--porcelain", "code.json") == ""


def test_an_edit_of_a_measure_runs_its_stages_and_what_rests_on_them(clean):
    edit(clean, "interpreting_clip/measures/cka.py", "return hsic(", "return 0.5 * hsic(")
    assert clean.repro() == {"code", "cka@rn_finetuning", "arrays@clip", "report"}


def test_code_is_seen_once_the_fingerprints_are_made_and_refused_otherwise(clean):
    kurtosis = "interpreting_clip/measures/kurtosis.py"
    edit(clean, kurtosis, "total / images", "1 * total / images")
    assert stale(clean) == {"code"}
    clean.repro("code")
    others = {"untrained@rn", "array_rotations@clip", "arrays@clip", "labelled_arrays@clip_objects"}
    assert stale(clean) == clean.of_every_encoder("kurtosis", "layer_outliers") | others
    edit(clean, kurtosis, "1 * total / images", "total / images / 1")
    said = clean.run("dvc", "repro", "--single-item", KURTOSIS, ok=False)
    assert "error: code.json: 'kurtosis': " in said and "`dvc repro code`" in said
    assert clean.repro("--single-item", "code", KURTOSIS) == {"code", KURTOSIS}


def test_what_editors_leave_beside_a_module_is_no_code(edited):
    (edited.folder / "stages/.#cka.py").symlink_to("nowhere")  # Emacs, while the file is edited
    for name in (".cka.py.swp", "cka.py~"):
        (edited.folder / "stages" / name).touch()
    assert stale(edited) == set()


TUNED = "rn_web_broad_finetuned"
EDITS = {
    "params.yaml": ("rate: 0.0005", "rate: 0.1", "params.yaml: recipes.finetuning was changed"),
    "data/weights/rn_web_broad/encoder.json": ("{", "{ ", "data/weights/rn_web_broad/encoder.json"),
    "interpreting_clip/encoders/heads.py": (
        "dim=",
        "axis=",
        f"finetune@{TUNED}: its code",
    ),
}


@pytest.mark.parametrize("file", EDITS)
def test_what_is_edited_while_a_stage_runs_is_named_and_nothing_is_recorded(clean, file):
    before, lock = clean.results(), (clean.folder / "dvc.lock").read_bytes()
    path, (old, new, named) = clean.folder / file, EDITS[file]
    content = path.read_text()
    training = clean.start("dvc", "repro", "--single-item", "--force", f"finetune@{TUNED}")
    while not (clean.folder / f"data/training/{TUNED}.partial/metrics.json").exists():
        assert training.poll() is None
        time.sleep(0.01)
    edit(clean, file, old, new)
    said = training.communicate()[0].decode()
    assert training.returncode and f"error: {named}" in said, said
    assert (clean.folder / "dvc.lock").read_bytes() == lock
    path.write_text(content)
    kept = len(list(clean.folder.glob(".scratch/*/checkpoint.safetensors")))
    assert kept == (not file.startswith("data"))  # it may have learnt from the other input
    said = clean.run("dvc", "repro", "--single-item", "--force", f"finetune@{TUNED}")
    assert "%|" in said and (" 0/" not in said) == kept  # if kept, all steps had been taken
    assert clean.results() == before
    assert not list(clean.folder.glob(".scratch/*/checkpoint.safetensors"))


IN_ANY_ORDER = (
    *("fetch@imagenet_r", "fetch_shift@tilted", "baseline", "shift_baseline@tilted"),
    *("head@rn_web_broad", "cka@rn_finetuning", "measure_shift@tilted_rn_web_broad"),
    *("robustness@rn_web_broad", "summarize@rn_web_broad", "untrained@rn", "report"),
)
"""Stages of a second or two, each of which reads a mapping."""


def test_the_order_of_keys_reaches_neither_dvc_nor_a_result(clean):
    before, text = clean.results(), yaml.safe_dump(backwards(clean.params()), sort_keys=False)
    (clean.folder / "params.yaml").write_text(text)
    assert stale(clean) == set()
    for name in IN_ANY_ORDER:
        clean.run("python", "-m", "stages", *name.split("@"))
    assert clean.results() == before


def backwards(node: Any) -> Any:
    """Reverse the order of the keys of every mapping."""
    if isinstance(node, dict):
        return {key: backwards(value) for key, value in reversed(node.items())}
    return [*map(backwards, node)] if isinstance(node, list) else node


def test_another_version_reaches_what_computes_with_it_and_has_to_be_installed(clean):
    edit(clean, "constraints.txt", "scikit-learn==", "scikit-learn==9")
    edit(clean, "constraints.txt", "ruff==", "ruff==9")
    clean.repro("code")
    assert {name.partition("@")[0] for name in stale(clean)} == {
        *("baseline", "shift_baseline", "probe", "published"),
    }
    said = clean.run("dvc", "repro", "--single-item", "baseline", ok=False)
    assert "error: scikit-learn: expected 9" in said and "make install" in said


def test_another_setting_of_a_shift_reaches_what_is_measured_on_it(clean):
    clean.change("datasets.imagenet_r.noise", 0.06)
    assert clean.repro("fetch@imagenet_r") == {"study", "fetch@imagenet_r"}
    extracted = clean.of_every_encoder("extract")
    assert stale(clean) == {"baseline", "report", *extracted}
    # The directions are found on ImageNet, so no concept is counted again.
    found = clean.of_every_encoder("directions")
    assert clean.repro(*found) == extracted | found
    measured = clean.of_every_encoder("robustness", "kurtosis", "cka")
    # `summarize` is stale where the accuracy of a pruned encoder has changed.
    summarized = clean.of_every_encoder("summarize")
    # which reads ImageNet's activations from the same folder
    shifts = clean.of_every_encoder("measure_shift")
    assert stale(clean) - summarized == {"baseline", "report", *measured, *shifts}


def test_git_sees_what_a_refused_experiment_leaves_in_params_yaml(clean):
    file = clean.folder / "params.yaml"
    before = file.read_bytes()
    for _ in range(3):  # of the same size, and mostly in the same second
        said = clean.run("dvc", "exp", "run", "-S", "concepts.threshold=1.5", ok=False)
        assert "concepts.threshold" in said and file.read_bytes() != before
        assert clean.run("git", "status", "--porcelain") == " M params.yaml\n"
        clean.run("git", "checkout", ".")
        assert file.read_bytes() == before


def test_other_templates_reach_the_zero_shot_heads_and_what_starts_from_them(edited):
    templates = edited.params()["heads"]["zero_shot"]["templates"]
    edited.change("heads.zero_shot.templates", templates[:2])
    assert stale(edited) == {"head@rn_web_broad", "finetune@rn_web_broad_finetuned"}


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("sources.world.images_per_shard", 400, "fetch fetch_shift"),
        (
            "threads.inference",
            2,
            "head extract extract_broden extract_layers extract_shift extract_train "
            "extract_untrained probe",
        ),
        ("concepts.threshold", 0.85, "array_concepts broden"),
        ("prunable.harmless", 2.0, "robustness arrays labelled_arrays"),
        ("concepts.rotations", 3, "concept_nulls broden labelled_arrays array_concepts"),
        ("concepts.minimum_images", 12, "array_concepts broden"),
        ("browse.images", 3, "browse"),
        ("study.title", "Another title", "report"),
        ("robustness.confidence", 0.9, "robustness measure_shift arrays labelled_arrays"),
        ("backbones.rn.embedding", 32, "weights pretrain extract_untrained"),
    ],
)
def test_a_parameter_reaches_the_stages_that_read_it(edited, path, value, expected):
    edited.change(path, value)
    assert {name.partition("@")[0] for name in stale(edited)} == set(expected.split())


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("browse.images", 3, "browse"),
        ("concepts.threshold", 0.7, "array_concepts broden browse summarize report"),
    ],
)
def test_an_edit_runs_these_stages_and_no_others(clean, path, value, expected):
    clean.change(path, value)
    ran = {name.partition("@")[0] for name in clean.repro("--no-run-cache")}
    assert ran == {"study", *expected.split()}


def test_a_parameter_that_both_branches_changed_is_named_by_the_first_stage(edited):
    for name, threshold in (("one", 0.7), ("two", 0.8)):
        edited.restore()
        edited.run("git", "switch", "--quiet", "--create", name)
        edit(edited, "params.yaml", "threshold: 0.9", f"threshold: {threshold}")
        edited.commit(name)
    assert "conflict in params.yaml" in edited.run("git", "merge", "one", ok=False)
    for command in (("stages", "study"), ("tools", "repro"), ("tools", "fsck")):
        said = edited.run("python", "-m", *command, ok=False)
        assert said.startswith("error: params.yaml: line ") and "edit it" in said, said
