"""A change makes stale what reads it, no more and no less: parameters, modules, packages.

Exhaustive: every leaf of params.yaml and of a study of all real sources, every module, every
package that computes. DVC judges, in this process, on repositories whose stages have run in name
(`hollow.py`). Several leaves are changed at once: those that reach the same, so that whatever else
is stale was reached in error; then such as reach nothing in common, so that, with that excluded,
whatever is not stale was missed. On any disagreement each is changed alone.

What should be stale is derived from the calls of the params reader in the code (`tests/reach.py`),
which the reads that a spy saw in the run of the nano study are held against. A sample of leaves
goes through `dvc repro` and `dvc status` on that study.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from stages.methods import SOURCES
from stages.settings.sections import Sections
from stages.storage.packages import COMPUTING, LOCKED, RECORDED
from stages.storage.params import is_legal
from tests.legal import Changes, changed, get, other_values
from tests.pipeline.hollow import CHEAP, Hollow
from tests.pipeline.spied import instance, spied
from tests.reach import (
    CHECKED,
    GRAPH,
    Reads,
    closures,
    instances,
    leaves,
    modules,
    packages,
    reached,
    reads,
    section,
    templated,
)
from tests.walked import STUDIES

NO_LEAVES = {
    *(("sources", "none"), ("heads", "trained")),
    *(("datasets", "url"), ("datasets", "sha256")),
}
"""Where there is nothing to set, and what stands inside of a list, which is a leaf."""

PLAIN = ("summarize", "summarize_cka", "report")
"""Stages that pass numbers on and compute none with numpy."""

SAMPLE = (
    "kurtosis.seed",
    "sources.world.seed",
    "heads.zero_shot.templates",
    "encoders.rn_untrained.label",
    "comparisons.rn_finetuning.second",
)
"""Leaves that reach other stages by a method, a parameter, both, the report, and a command."""


@pytest.fixture(scope="module", params=STUDIES)
def hollow(request, tmp_path_factory) -> Hollow:
    """Return a repository in which everything is up to date with one of the studies."""
    folder = tmp_path_factory.mktemp("hollow") / "clone"
    return Hollow(folder, STUDIES[request.param]())


def test_every_parameter_makes_stale_what_reads_it(hollow):
    found = reads(hollow.study)
    assert hollow.stale(hollow.study) == set()
    changes = {path: other_values(hollow.study, path) for path, _ in leaves(hollow.study)}
    expected = {path: reached_by(change, found) for path, change in changes.items()}
    wrong = [
        complaint
        for batch in (*alike(hollow.study, changes, expected), *disjoint(expected))
        if (complaint := disagreement(hollow, batch, changes, expected))
    ]
    assert not wrong, "\n".join(wrong)


def reached_by(change: Changes, found: Reads) -> set[str]:
    """Return what a change reaches, of several keys or of a whole entry."""
    flat = (path for top, value in change.items() for path, _ in leaves(value, top))
    return set().union(*(reached(path, found) for path in flat))


def alike(
    study: dict[str, Any], changes: Mapping[str, Changes], expected: Mapping[str, set[str]]
) -> Iterable[list[str]]:
    """Deal paths out to batches of those that reach the same, and are legal together."""
    groups: dict[frozenset[str], list[list[str]]] = {}
    for path, names in expected.items():
        batches = groups.setdefault(frozenset(names), [])
        fitting = (one for one in batches if go_together(study, merged([*one, path], changes)))
        if batch := next(fitting, None):
            batch.append(path)
        else:
            batches.append([path])
    return [batch for batches in groups.values() for batch in batches]


def go_together(study: dict[str, Any], change: Changes) -> bool:
    """Say whether every part of a change is still there after all of them, and legal."""
    together = changed(study, change)
    kept = all(get(together, key) == value for key, value in change.items())
    return kept and is_legal(together, Sections)


def merged(batch: Iterable[str], changes: Mapping[str, Changes]) -> dict[str, Any]:
    """Return the changes of several leaves as one."""
    return {key: value for path in batch for key, value in changes[path].items()}


def disjoint(expected: Mapping[str, set[str]]) -> Iterable[list[str]]:
    """Deal paths out to batches in which no two reach the same instance."""
    batches: list[tuple[set[str], list[str]]] = []
    for path, names in expected.items():
        fitting = (batch for batch in batches if names and batch[0] and not batch[0] & names)
        taken, paths = next(fitting, (set(), []))
        if not paths:
            batches.append((taken, paths))
        taken |= names
        paths.append(path)
    return [paths for _, paths in batches]


def disagreement(
    hollow: Hollow,
    batch: list[str],
    changes: Mapping[str, Changes],
    expected: Mapping[str, set[str]],
) -> str:
    """Return which leaves of a batch make stale what they should not, or not what they should."""
    stale = hollow.stale(changed(hollow.study, merged(batch, changes)))
    if stale == set().union(*(expected[path] for path in batch)):
        return ""
    alone = {path: hollow.stale(changed(hollow.study, changes[path])) for path in batch}
    return "; ".join(
        f"{path}: expected {sorted(expected[path])}, got {sorted(names)}"
        for path, names in alone.items()
        if names != expected[path]
    )


def test_the_studies_have_every_key_that_there_is():
    """A key that is new in a section is walked, or this fails until a study has it."""
    paths = [path.split(".") for study in STUDIES.values() for path, _ in leaves(study())]
    seen = {(path[0], key) for path in paths for key in path[1:]}
    there = {
        (field.encode_name, key)
        for field in msgspec.structs.fields(Sections)
        for struct in structs(field.type)
        for key in struct.__struct_fields__
    }
    assert there - seen == NO_LEAVES


def structs(kind: Any) -> set[type[msgspec.Struct]]:
    """Return every struct inside of a type."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        inside = (field.type for field in msgspec.structs.fields(kind))
        return {kind}.union(*map(structs, inside))
    return set().union(*map(structs, get_args(kind)))


@pytest.fixture(scope="module")
def shared(tmp_path_factory) -> Hollow:
    """Return the repository of params.yaml for the tests of what all studies share."""
    return Hollow(tmp_path_factory.mktemp("shared") / "clone", STUDIES["drawn"]())


def test_every_module_changes_the_methods_that_can_import_it(shared):
    before, held, wrong = shared.methods(), closures(), {}
    for module in modules():
        file = shared.folder / module
        text = file.read_text()
        file.write_text(f"{text}\nEDITED = True\n")
        after = shared.methods()
        file.write_text(text)
        found = {name for name in before if after[name] != before[name]}
        expected = {name for name, files in held.items() if module in files}
        if found != expected:
            wrong[module] = found ^ expected
    assert wrong == {}
    assert shared.methods() == before


def test_every_method_makes_stale_the_instances_that_it_is_for(shared):
    before, expected = shared.methods(), users(shared.study)
    assert set(before) - {CHECKED} == set(expected)
    assert {name: shared.stale_after(name) for name in expected} == expected


def users(study: dict[str, Any]) -> dict[str, set[str]]:
    """Return by the name of each method the instances that are computed by it."""
    found: dict[str, set[str]] = {f"fetch_{source}": set() for source in SOURCES}
    for name, stage, _, entry in instances(study):
        if stage == "extract":
            found.setdefault(f"{entry['head']}_head", set()).add(name)
        if stage not in CHEAP:
            own = f"fetch_{entry['source']}" if stage == "fetch" else stage
            found.setdefault(own, set()).add(name)
    return found | {
        stage: found.get(stage, set()) for stage in GRAPH if stage not in ("fetch", CHECKED)
    }


@contextmanager
def another_version(folder: Path, package: str) -> Iterator[None]:
    """Lock, or record, another version of a package."""
    texts = {folder / name: (folder / name).read_text() for name in (LOCKED, RECORDED)}
    for file, text in texts.items():
        file.write_text(re.sub(rf"(?m)^({package}(?:==|: ))\S+", r"\g<1>99.1", text))
    assert any(file.read_text() != text for file, text in texts.items())
    yield
    for file, text in texts.items():
        file.write_text(text)


@pytest.mark.parametrize("package", [*sorted({*COMPUTING.values(), "llvmlite"}), "ruff", "dvc"])
def test_another_version_changes_the_methods_that_compute_with_it(shared, package):
    before = shared.methods()
    with another_version(shared.folder, package):
        after = shared.methods()
    found = {name for name in before if after[name] != before[name]}
    assert found == {name for name, inside in packages().items() if package in inside}


def test_torch_makes_stale_what_loads_it_and_ruff_nothing(shared):
    before, stale = shared.methods(), {}
    loading = {"fetch", "weights", "pretrain", "finetune", "supervise"}
    for package in ("torch", "numpy", "ruff"):
        with another_version(shared.folder, package):
            stale[package] = {name.partition("@")[0] for name in shared.stale(shared.study)}
    assert stale["torch"] == loading | {"extract", "extract_broden", "extract_layers"}
    assert stale["numpy"] == {*GRAPH} - {"interpolate", *PLAIN, CHECKED}
    assert stale["ruff"] == set()
    assert shared.methods() == before


def test_what_a_run_reads_is_what_the_code_says(nano):
    study = nano.params()
    named = {
        f"{section(stage)}.{key}.{field}"
        for _, stage, key, _ in instances(study)
        for field in templated(stage)
    }
    seen: dict[str, set[str]] = {}
    for stage, processes in spied(nano).items():
        for process in processes:
            heads = {p.partition("_head.json")[0] for p in process["opened"] if "_head.json" in p}
            read = {*process["read"], *(head.replace("data/methods/", "heads.") for head in heads)}
            seen.setdefault(instance(stage, process), set()).update(read)
    for name in CHEAP:
        del seen[name]
    expected = {name: paths - named for name, paths in reads(study).items()}
    assert {name: paths - named for name, paths in seen.items()} == expected


@pytest.mark.parametrize("path", SAMPLE)
def test_dvc_itself_says_so_of_a_sample(clean, path):
    study = clean.params()
    change = other_values(study, path)
    for where, value in change.items():
        clean.change(where, value)
    clean.repro("study", "stages/dvc.yaml:methods")
    stale = set(json.loads(clean.run("dvc", "status", "--json")))
    assert stale == reached_by(change, reads(study))
