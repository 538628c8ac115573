"""Two branches that each changed one parameter and ran become one study."""

from tests.pipeline.test_recompute import edit, stale
from tests.pipeline.workspace import Workspace

EDITS = {
    "threshold": ("threshold: 0.9", "threshold: 0.85"),
    "confidence": (
        "robustness: {seed: 0, confidence: 0.95}",
        "robustness: {seed: 0, confidence: 0.9}",
    ),
}


def run_on_a_branch(workspace: Workspace, name: str, *options: str) -> set[str]:
    """Make the edit on a branch of its own, run the study, and return what ran."""
    workspace.restore()
    workspace.run("dvc", "checkout", "--quiet", "--force")
    workspace.run("git", "switch", "--quiet", "--create", name)
    edit(workspace, "params.yaml", *EDITS[name])
    ran = workspace.repro(*options)
    workspace.commit(name)
    return ran


def test_merged_branches_have_the_results_of_both_edits(clean):
    reached = run_on_a_branch(clean, "threshold")
    run_on_a_branch(clean, "confidence")
    said = clean.run("git", "merge", "threshold", ok=False)
    assert "Merge conflict in dvc.lock" in said and "in params.yaml" not in said
    for name in clean.run("git", "ls-files").splitlines():
        assert b"\n<<<<<<< " not in (clean.folder / name).read_bytes(), name
    # What the other branch computed comes from DVC's run cache, if its outputs are in DVC's cache.
    ran = clean.repro()
    assert "report" in ran and ran <= reached - clean.of_every_encoder("broden")
    assert stale(clean) == set()
    clean.run("git", "add", "--all")
    clean.run("git", "commit", "--quiet", "--no-edit")
    merged, lock = clean.results(), clean.lock()

    # both edits from main, nothing from the run cache
    clean.restore()
    clean.run("dvc", "checkout", "--quiet", "--force")
    for old, new in EDITS.values():
        edit(clean, "params.yaml", old, new)
    assert clean.of_every_encoder("broden", "robustness") <= clean.repro("--no-run-cache")
    assert clean.results() == merged
    assert clean.lock() == lock
