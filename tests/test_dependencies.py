"""dvc.yaml says of each stage exactly the code that it imports and the parameters that it reads.

DVC looks into neither, so nothing else protects a user from a stale result.
"""

import importlib
import json
import shutil
from pathlib import Path

import msgspec
import pytest
import yaml

from stages.methods import SETTINGS, SOURCES
from stages.methods import main as write_methods
from stages.settings.datasets import Sources
from stages.settings.heads import Heads
from stages.storage.code import code_digest, import_closure, imported_files
from tests.reads import ROOT, read_paths

CODE = yaml.safe_load((ROOT / "stages/dvc.yaml").read_text())["stages"]
GRAPH = CODE | yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
STAGES = list(GRAPH)
MANY = [name for name in STAGES if "foreach" in GRAPH[name]]
METHODICAL = [name for name in STAGES if name != "methods"]
FETCHES = [f"fetch_{source}" for source in Sources.__struct_fields__]
TRAININGS = ("pretrain", "finetune", "supervise")
EXTRACTIONS = ("extract", "extract_broden", "extract_layers")


IN_A_PATH = {"extract": {"encoders.${key}.head"}}
"""Parameters that name a dependency: another value is another dependency, which DVC sees."""


def body(stage: str) -> dict:
    return GRAPH[stage].get("do", GRAPH[stage])


def code_files(stage: str) -> set[str]:
    return {dep for dep in body(stage)["deps"] if dep.startswith("stages/")}


def declared_params(stage: str) -> set[str]:
    return set(body(stage).get("params", ()))


def expected_params(stage: str, where: str = "params") -> set[str]:
    """Return the parameters that a stage's code reads, as dvc.yaml writes them."""
    paths = set()
    for path, kind in read_paths(stage, ROOT, where):
        fields = leaves(stage, kind) if "{" not in path else ()
        paths |= {f"{path}.{field}" for field in fields} or {dvc_template(path)}
    return paths


def leaves(stage: str, kind: str) -> tuple[str, ...]:
    """Return the fields of the struct that a section is read as; nothing for a plain value."""
    struct = getattr(importlib.import_module(f"stages.{stage}"), kind, None)
    return getattr(struct, "__struct_fields__", ())


def dvc_template(path: str) -> str:
    """Turn an f-string's names into DVC's: `{key}` is the entry, all else one of its values."""
    for part in path.split("{")[1:]:
        name = part.partition("}")[0]
        attribute = name if name == "key" else f"item.{name.removeprefix('item.')}"
        path = path.replace(f"{{{name}}}", f"${{{attribute}}}")
    return path


def test_methods_lists_the_code_of_every_stage():
    closures = [import_closure(stage, ROOT) for stage in STAGES]
    assert code_files("methods") == set().union(*closures)
    assert list(SETTINGS) == METHODICAL
    named = [name for name in METHODICAL if name != "fetch"] + FETCHES
    heads = [f"{kind}_head" for kind in Heads.__struct_fields__]
    assert body("methods")["outs"] == [f"data/methods/{name}.json" for name in named + heads]


@pytest.mark.parametrize("stage", METHODICAL)
def test_a_stage_depends_on_its_method_alone(stage):
    code = [dep for dep in body(stage)["deps"] if dep.startswith(("stages/", "data/methods/"))]
    head = ["data/methods/${item.head}_head.json"] if stage == "extract" else []
    own = "fetch_${item.source}" if stage == "fetch" else stage
    assert code == [f"data/methods/{own}.json", *head]


@pytest.mark.parametrize("stage", sorted(set(METHODICAL) - {"fetch"}))
def test_a_method_holds_exactly_the_import_closure_and_the_settings(stage, methods):
    method = json.loads((methods / f"{stage}.json").read_text())
    closure = import_closure(stage, ROOT)
    assert method["code"] == {file: code_digest(ROOT / file) for file in closure}
    settings = {path for path, _ in read_paths(stage, ROOT, "method")}
    assert set(method) == {"code", "packages"} | settings


def test_methods_of_fetch_hold_the_code_of_one_source_each(methods):
    read = {name: json.loads((methods / f"{name}.json").read_text()) for name in FETCHES}
    code = {name: set(method["code"]) for name, method in read.items()}
    assert set().union(*code.values()) == import_closure("fetch", ROOT)
    assert code["fetch_hub"] == code["fetch_archive"] == code["fetch_folder"]
    assert code["fetch_none"] <= code["fetch_world"] & code["fetch_hub"]
    imported = {
        f.relative_to(ROOT).as_posix() for f in imported_files(ROOT / "stages/fetch.py", ROOT)
    }
    assert imported - code["fetch_none"] == {own for own in SOURCES.values() if own}


def test_a_method_names_the_packages_of_the_stage_alone(methods):
    packages = {f.stem: json.loads(f.read_text()).get("packages") for f in methods.iterdir()}
    assert set(packages["kurtosis"]) == {"numpy"}
    assert set(packages["broden"]) == {"llvmlite", "numba", "numpy"}
    assert {"torch", "open-clip-torch", "timm"} <= packages["extract"].keys()
    assert set(packages["report"]) == {"vl-convert-python"}
    assert packages["study"] == packages["summarize"] == {}
    with_torch = {stage for stage, versions in packages.items() if "torch" in (versions or ())}
    assert with_torch == {"fetch_world", *TRAININGS, *EXTRACTIONS, "weights", "interpolate"}


@pytest.mark.parametrize("stage", METHODICAL)
def test_params_are_those_that_the_code_reads(stage):
    assert declared_params(stage) | IN_A_PATH.get(stage, set()) == expected_params(stage)


def test_params_of_methods_are_the_settings_that_all_instances_read():
    read = [expected_params(stage, "method") for stage in METHODICAL]
    assert declared_params("methods") == set().union(*read) | head_params()


def head_params() -> set[str]:
    kinds = {field.name: field.type for field in msgspec.structs.fields(Heads)}
    assert tuple(kinds) == ("zero_shot", "trained", "random")
    return {f"heads.{k}.{leaf}" for k, kind in kinds.items() for leaf in kind.__struct_fields__}


@pytest.mark.parametrize("stage", GRAPH)
def test_a_stage_has_a_description_and_passes_only_the_name_of_its_instance(stage):
    assert body(stage)["desc"]
    assert body(stage)["cmd"] == f"python -m stages.{stage}" + ' "$DVC_STAGE"' * (stage in MANY)


def test_a_parameter_in_a_path_is_in_one():
    for stage, paths in IN_A_PATH.items():
        leaves = {path.rpartition(".")[2] for path in paths}
        assert all(any(f"${{item.{x}}}" in dep for dep in body(stage)["deps"]) for x in leaves)


@pytest.mark.parametrize("stage", GRAPH)
def test_code_is_listed_in_order(stage):
    code = [dep for dep in body(stage)["deps"] if dep.startswith("stages/")]
    assert code == sorted(set(code))


def test_every_stage_module_is_a_stage():
    modules = {file.stem for file in (ROOT / "stages").glob("*.py")} - {"__init__"}
    assert modules == set(STAGES)


def test_rooms_import_no_stage_and_read_no_params():
    stages = {ROOT / "stages" / f"{stage}.py" for stage in STAGES}
    for file in (ROOT / "stages").glob("*/*.py"):
        found = imported_files(file, ROOT)
        assert not found & stages, f"{file} imports a stage"
        if ROOT / "stages/storage/params.py" in found:
            assert "Params(" not in file.read_text(), f"{file} reads params.yaml"


def test_measures_import_no_other_room():
    for file in (ROOT / "stages/measures").glob("*.py"):
        rooms = {found.parent.name for found in imported_files(file, ROOT)}
        assert rooms <= {"measures"}, file


def test_packages_are_empty():
    assert all(f.stat().st_size == 0 for f in (ROOT / "stages").rglob("__init__.py"))


@pytest.fixture(scope="module")
def methods(tmp_path_factory) -> Path:
    """Return the folder of the methods that the code in this repository has."""
    folder = tmp_path_factory.mktemp("methods")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.setattr("stages.methods.METHODS", folder)
        write_methods()
    return folder


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of the code in which a test may break something."""
    shutil.copytree(ROOT / "stages", tmp_path / "stages")
    return tmp_path


def test_notices_a_new_import_deep_in_a_room(copy):
    file = copy / "stages/measures/kurtosis.py"
    file.write_text(f"import stages.measures.cka\n{file.read_text()}")
    added = import_closure("kurtosis", copy) - import_closure("kurtosis", ROOT)
    assert added == {"stages/measures/cka.py"}


def test_notices_an_import_inside_a_function(copy):
    file = copy / "stages/kurtosis.py"
    file.write_text(f"{file.read_text()}\n\ndef late():\n    from stages.measures import cka\n")
    assert "stages/measures/cka.py" in import_closure("kurtosis", copy)


def test_notices_a_removed_import(copy):
    file = copy / "stages/kurtosis.py"
    lines = file.read_text().splitlines()
    file.write_text("\n".join(x for x in lines if "stages.measures.outliers" not in x))
    assert "stages/measures/outliers.py" not in import_closure("kurtosis", copy)


def test_notices_a_new_and_a_removed_read(copy):
    file = copy / "stages/kurtosis.py"
    text = file.read_text()
    file.write_text(text + '\n\nmethod = None\nmethod.read("concepts.threshold", float)\n')
    assert ("concepts.threshold", "float") in read_paths("kurtosis", copy, "method")
    file.write_text(text.replace("method.read(", "method.ignore("))
    assert read_paths("kurtosis", copy, "method") == set()


def test_refuses_a_computed_path(copy):
    (copy / "stages/kurtosis.py").write_text("params.read(name, float)\n")
    with pytest.raises(ValueError, match="expected a literal path, got name"):
        read_paths("kurtosis", copy)


def test_structs_name_their_leaves():
    assert "seed" in leaves("kurtosis", "KurtosisSettings")
    assert issubclass(importlib.import_module("stages.kurtosis").KurtosisSettings, msgspec.Struct)


def test_a_fingerprint_sees_code_and_not_words(copy):
    file = copy / "stages/measures/kurtosis.py"
    text, before = file.read_text(), code_digest(file)
    file.write_text(f"# a comment\n{text.replace('Raises', 'Refuses')}\n\n")
    assert code_digest(file) == before
    file.write_text(text.replace("standardized(", "centred("))
    assert text != file.read_text()
    assert code_digest(file) != before
