"""dvc.yaml says of each stage exactly the code that it imports and the parameters that it reads.

DVC looks into neither, so nothing else protects a user from a stale result.
"""

import importlib
import shutil
from pathlib import Path

import msgspec
import pytest
import yaml

from stages.method import SETTINGS
from stages.storage.code import code_digest, import_closure, imported_files
from tests.reads import ROOT, read_paths

GRAPH = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
STAGES = [name for name in GRAPH if not name.startswith("method_")]
MANY = [name for name in STAGES if "foreach" in GRAPH[name]]


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


@pytest.mark.parametrize("stage", sorted(set(STAGES) - set(MANY)))
def test_code_is_the_import_closure(stage):
    assert code_files(stage) == import_closure(stage, ROOT)


@pytest.mark.parametrize("stage", MANY)
def test_the_code_of_many_instances_is_listed_once(stage):
    own = import_closure(stage, ROOT) | import_closure("method", ROOT)
    assert code_files(f"method_{stage}") == own
    assert body(f"method_{stage}")["outs"] == [f"data/methods/{stage}.json"]
    assert f"data/methods/{stage}.json" in body(stage)["deps"]
    assert not code_files(stage)


@pytest.mark.parametrize("stage", STAGES)
def test_params_are_those_that_the_code_reads(stage):
    assert declared_params(stage) == expected_params(stage)


@pytest.mark.parametrize("stage", MANY)
def test_settings_of_all_instances_are_those_that_the_code_reads(stage):
    assert declared_params(f"method_{stage}") == expected_params(stage, "method")
    read = {path for path, _ in read_paths(stage, ROOT, "method")}
    assert set(SETTINGS.get(stage, ())) == read


def test_a_method_holds_the_settings_of_a_stage_of_many():
    assert set(SETTINGS) <= set(MANY)


@pytest.mark.parametrize("stage", GRAPH)
def test_a_stage_has_a_description_and_passes_only_its_key_and_paths(stage):
    assert body(stage)["desc"]
    key = " ${key}" if stage in MANY else ""
    command = stage.replace("method_", "method ") if stage.startswith("method_") else stage
    arguments = body(stage)["cmd"].removeprefix(f"python -m stages.{command}{key}")
    assert set(arguments.split()) <= set(body(stage)["deps"])


@pytest.mark.parametrize("stage", GRAPH)
def test_code_is_listed_in_order(stage):
    code = [dep for dep in body(stage)["deps"] if dep.startswith("stages/")]
    assert code == sorted(set(code))


def test_every_stage_module_is_a_stage():
    modules = {file.stem for file in (ROOT / "stages").glob("*.py")} - {"__init__"}
    assert modules == {*STAGES, "method"}
    assert {name.removeprefix("method_") for name in GRAPH if name not in STAGES} == set(MANY)


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
    file.write_text(text.replace("bootstrap_mean(", "bootstrap_median("))
    assert text != file.read_text()
    assert code_digest(file) != before
