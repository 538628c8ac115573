"""dvc.yaml says of each stage what its code reads and imports.

DVC looks into neither, so nothing else protects a user from a stale result. What the processes of
a stage open is held against dvc.yaml in tests/pipeline/test_pipeline.py.
"""

import ast
import importlib
import re
import sys
import tomllib
from collections.abc import Iterator
from graphlib import TopologicalSorter
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec
import pytest
from packaging.utils import canonicalize_name

from interpreting_clip.catalogue import MEASURES
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.study.sections import Sections
from runner.fingerprint import (
    fingerprint_name,
    fingerprinted,
    fingerprints,
    reached_code,
    stage_branches,
)
from runner.source_code import Sources, imported, runs_nowhere
from tests.reads import ROOT, STAGES, body

COMPUTING = [stage for stage in STAGES if stage != "code"]
BRANCH = {
    **{stage: f"{stage}_${{item.source}}" for stage in ("fetch", "fetch_shift")},
    "head": "head_${item.head}",
}


def declared(stage: str, file: str = "params.yaml") -> set[str]:
    """Return the parameters of a file that dvc.yaml lists under a stage."""
    found: set[str] = set()
    for param in body(stage).get("params", ()):
        within = {"params.yaml": [param]} if isinstance(param, str) else param
        found.update(within.get(file, ()))
    return found


def test_every_module_is_a_stage():
    modules = {file.stem for file in (ROOT / "stages").glob("[!_]*.py")}
    assert modules == set(STAGES)
    assert {stage for stage, _ in stage_branches(ROOT)} == set(COMPUTING)


@pytest.mark.parametrize("stage", COMPUTING)
def test_the_fingerprint_is_that_of_the_stage_or_of_its_branch(stage):
    assert declared(stage, "code.json") == {BRANCH.get(stage, stage)}


def test_every_parameter_is_one_of_some_stage():
    listed = {re.sub(r"\$\{[\w.]+\}", "*", path) for stage in COMPUTING for path in declared(stage)}
    study = load_tree(ROOT / "params.yaml")
    unread = {path for path in leaves(study) if not listed & set(patterns(path))}
    assert unread == set()


def leaves(node: Any, path: str = "") -> Iterator[str]:
    """Yield the path of every leaf of a study; lists are leaves."""
    if not isinstance(node, dict):
        yield path
        return
    for key, value in node.items():
        yield from leaves(value, f"{path}.{key}".lstrip("."))


def patterns(path: str) -> Iterator[str]:
    """Yield the ways to list a leaf: it, what is around it, with a star for an entry's name."""
    keys = path.split(".")
    for end in range(1, len(keys) + 1):
        yield ".".join(keys[:end])
        yield ".".join([keys[0], "*", *keys[2:end]])


LIBRARY = (
    "config",
    "formats",
    "arrays",
    "statistics",
    "measures",
    "downloads",
    "datasets",
    "synthetic",
    "loading",
    "encoders",
    "training",
    "published",
    "study",
    "charts",
    "browser",
)
CATALOGUE = "the list of the measures, and all of them of several encoders"
PACKAGES = (
    "interpreting_clip",
    *(f"interpreting_clip.{name}" for name in LIBRARY),
    CATALOGUE,
    *("interpreting_clip.commands", "runner", "page", "stages"),
)
"""The packages, each with those that it can import before it, and the stages last.

The first one is what lies in the library's own folder: errors, types of parameters, and the choice
of kernels. The list of the measures lies there, too, and imports them.
"""

FOLDERS = ("interpreting_clip", "runner", "page", "stages")
MODULES = sorted(file for folder in FOLDERS for file in (ROOT / folder).rglob("[!_]*.py"))


def imported_names(file: Path) -> set[str]:
    """Return the dotted names that a module imports, but for those that type checkers read."""
    tree = ast.parse(file.read_text())
    tree.body = [node for node in tree.body if not runs_nowhere(node)]
    return {*imported(ast.walk(tree)).values()}


def imported_files(file: Path) -> set[Path]:
    """Return the modules of ours that a module imports, or imports something from."""
    paths = [ROOT.joinpath(*name.split(".")) for name in imported_names(file)]
    return {*MODULES} & {path.with_suffix(".py") for one in paths for path in (one, one.parent)}


def package(file: Path) -> str:
    """Return the package of a module; stages of one have none of their own."""
    if file.name in ("catalogue.py", "comparison.py"):
        return CATALOGUE
    return ".".join(file.relative_to(ROOT).parts[:-1][:2])


@pytest.mark.parametrize("name", PACKAGES)
def test_imports_go_from_a_package_to_earlier_ones(name):
    allowed = set(PACKAGES[: PACKAGES.index(name)]) | ({name} - {"stages"})
    modules = [file for file in MODULES if package(file) == name]
    assert modules
    for file in modules:
        found = {package(one) for one in imported_files(file)}
        assert found <= allowed, f"{file} imports {found - allowed}"
        outside = {name.partition(".")[0] for name in imported_names(file)}
        assert outside.isdisjoint({"tools", "benchmarks", "tests"}), file


def test_packages_are_in_the_list_and_no_modules_import_each_other():
    assert {package(file) for file in MODULES} == set(PACKAGES)
    TopologicalSorter({file: imported_files(file) for file in MODULES}).prepare()


def test_no_module_imports_a_measure_lazily():
    """What `interpreting_clip.__getattr__` imports is in no stage's fingerprint."""
    lazy = {f"interpreting_clip.{name}" for name in MEASURES}
    for file in MODULES:
        assert imported_names(file).isdisjoint(lazy), file
        imports = [n for n in ast.walk(ast.parse(file.read_text())) if isinstance(n, ast.Import)]
        assert "interpreting_clip" not in {one.name for n in imports for one in n.names}, file


def test_what_a_study_imports_is_installed_with_it():
    """`make repro` does not install what the tests add, and what builds the site."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    listed = (*project["dependencies"], *project["optional-dependencies"]["pipeline"])
    required = [need for one in listed for need in metadata.requires(project_name(one)) or ()]
    installed = {project_name(one) for one in (*listed, *required)}
    distributions = metadata.packages_distributions()
    tools = (ROOT / "tools").glob("[!_]*.py")
    for file in (*MODULES, *sorted(tools)):
        names = {name.partition(".")[0] for name in imported_names(file)}
        for name in names - sys.stdlib_module_names - {*FOLDERS, "tools"}:
            assert installed & {*map(project_name, distributions[name])}, f"{file} imports {name}"


def project_name(requirement: str) -> str:
    """Return the name in a requirement such as `torch>=2.9,<3`, as package indexes spell it."""
    return canonicalize_name(re.split(r"[^\w.-]", requirement)[0])


def test_what_lies_among_the_code_and_is_no_code_is_a_dependency():
    found = (f for folder in FOLDERS for f in (ROOT / folder).rglob("*.*") if f.is_file())
    files = {f.relative_to(ROOT).as_posix() for f in found}
    others = {f for f in files if not f.endswith((".py", "py.typed")) and "__pycache__" not in f}
    declared = {dep for stage in COMPUTING for dep in body(stage).get("deps", ())}
    assert others
    for file in others:
        assert declared & {file, *map(str, Path(file).parents)}, file


READ = ("fetch", "fetch_shift")
REAL = {f"{stage}_{source}" for stage in READ for source in ("hub", "archive", "folder")}
DRAWN = {f"{stage}_world" for stage in READ}
EVERYTHING = {fingerprint_name(*one) for one in stage_branches(ROOT)}
TEXTS = {"head_zero_shot", "finetune", "interpolate"}
HEADS = {"head_zero_shot", "head_trained", "head_random"}
KURTOSIS = "interpreting_clip/measures/kurtosis.py"
CKA = "interpreting_clip/measures/cka.py"
SHAPES = "interpreting_clip/synthetic/shapes.py"
TRAINING = "interpreting_clip/training"
EDITS = [
    # what a stage computes with, and nothing that stands beside it
    (CKA, "return hsic(", "return 2 * hsic(", {"cka", "arrays"}),
    (CKA, "import numpy as np\n", "import numpy as np\nUNUSED = 1\n", set()),
    (
        "interpreting_clip/quantities.py",
        "import msgspec\n",
        "import msgspec\nUnused = int\n",
        set(),
    ),
    (SHAPES, "import itertools", "# a comment\nimport itertools", set()),
    (SHAPES, "v - 0.95", "v - 0.9", DRAWN),
    ("interpreting_clip/encoders/heads.py", "dim=", "axis=", TEXTS),
    ("stages/head.py", "None, True", "None, False", HEADS),
    ("runner/run.py", "import os", "import os\nUNUSED = 1", set()),
    ("interpreting_clip/kernels.py", '"avx2"', '"avx512"', EVERYTHING - {"study"}),
    # wording: where it is shown
    (
        KURTOSIS,
        "Chance: after a random",
        "Chance is after a random",
        {"arrays", "report"},
    ),
    (
        KURTOSIS,
        'Label("outlier features"',
        'Label("outliers"',
        {"arrays", "labelled_arrays", "report"},
    ),
    # what runs a training and does not change it
    (f"{TRAINING}/callbacks.py", "60.0", "90.0", set()),
    (f"{TRAINING}/callbacks.py", "log: Callable[[Point], None]", "log: Callable", set()),
    (f"{TRAINING}/loop.py", "0.5 if sys", "0.1 if sys", set()),
    (
        "data/reference/imagenet_classes.csv",
        "index,",
        "0,n0,x,0,0\nindex,",
        REAL | {"baseline", "shift_baseline", "study", "weights"},
    ),
    (
        "constraints.txt",
        "scikit-learn==",
        "scikit-learn==9",
        {"baseline", "shift_baseline", "probe", "published"},
    ),
    ("constraints.txt", "ruff==", "ruff==9", set()),
]


@pytest.fixture(scope="session")
def present() -> dict[str, str]:
    return fingerprints(ROOT)


@pytest.mark.parametrize(("edit", "expected"), [(one[:3], one[3]) for one in EDITS])
def test_an_edit_changes_the_fingerprints_of_what_it_can_affect(code_copy, present, edit, expected):
    file, old, new = edit
    text = (code_copy / file).read_text()
    assert old in text
    (code_copy / file).write_text(text.replace(old, new, 1))
    after = fingerprints(code_copy)
    assert {name for name in present if present[name] != after[name]} == expected


ENCODING = {"activations", "grams", "head", "outliers", "random_numbers"}
"""The modules of measures that a stage may use while it runs an encoder: no measure's settings."""


def test_another_measure_passes_no_image_through_an_encoder_again():
    counted: set[str] = set()
    for stage, branch in stage_branches(ROOT):
        if "torch" in fingerprinted(stage, branch, ROOT)["packages"]:
            reached = reached_code(stage, branch, Sources(ROOT))
            counted |= {one.file for one in reached}
    measures = {Path(file).stem for file in counted if "/measures/" in file}
    assert measures <= ENCODING


def test_the_settings_of_every_measure_are_a_section():
    sections = {field.name: field.type for field in msgspec.structs.fields(Sections)}
    for file in (ROOT / "interpreting_clip/measures").glob("[!_]*.py"):
        one = importlib.import_module(f"interpreting_clip.measures.{file.stem}")
        if settings := getattr(one, "Settings", None):
            assert settings in sections.values(), file
