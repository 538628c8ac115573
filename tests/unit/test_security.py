"""What the project promises to whoever runs it on files of others, a test per promise.

Whole rooms of tests hold the details, as each test here says.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from stages.config.quantities import KEY
from stages.config.sections import Sections
from stages.config.syntax import load_tree
from stages.runtime.errors import InputError
from tests.reads import GRAPH, ROOT, body

CODE = sorted(
    f for room in ("stages", "tools", "benchmarks", "tests") for f in (ROOT / room).rglob("*.py")
)
OWN = [file for file in CODE if not file.is_relative_to(ROOT / "tests")]
EXECUTED = {"pickle", "_pickle", "cPickle", "cloudpickle", "marshal", "shelve", "dill", "joblib"}
"""Packages that execute what they read."""

PICKLES = {
    "tests/integration/stages/test_bad_weights.py": {"pickle"},
    "tests/unit/encoders/test_weights.py": {"pickle"},
}
"""The tests that import them all the same, to write files that must be refused."""


@cache
def parsed(file: Path) -> list[ast.AST]:
    """Return the nodes of a file that the promises are about."""
    kinds = ast.Call | ast.Attribute | ast.Import | ast.ImportFrom
    return [node for node in ast.walk(ast.parse(file.read_bytes())) if isinstance(node, kinds)]


def nodes(kind: type[ast.AST], files: list[Path] = CODE) -> Iterator[tuple[str, ast.AST]]:
    """Yield the nodes of a kind, each with the file that it stands in."""
    for file in files:
        name = file.relative_to(ROOT).as_posix()
        yield from ((name, node) for node in parsed(file) if isinstance(node, kind))


def calls(*names: str, files: list[Path] = CODE) -> list[tuple[str, dict[str, str]]]:
    """Return the calls of functions, each with its file and its arguments by name."""
    return [
        (file, {str(word.arg): ast.unparse(word.value) for word in node.keywords})
        for file, node in nodes(ast.Call, files)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in names
    ]


def imported() -> Iterator[tuple[str, str]]:
    """Yield each file with what it imports."""
    for file, node in nodes(ast.Import):
        yield from ((file, alias.name) for alias in getattr(node, "names", ()))
    for file, node in nodes(ast.ImportFrom):
        module = getattr(node, "module", None)
        yield from ((file, f"{module}.{alias.name}") for alias in getattr(node, "names", ()))


def test_nothing_is_unpickled():
    found: dict[str, set[str]] = {}
    for file, name in imported():
        if name.partition(".")[0] in EXECUTED:
            found.setdefault(file, set()).add(name)
    assert found == PICKLES
    assert calls("pickle.load", "pickle.loads", "pd.read_pickle", files=OWN) == []
    loads = calls("torch.load")
    assert loads and all(given.get("weights_only") == "True" for _, given in loads)
    arrays = calls("np.load", "numpy.load")
    assert all(given.get("allow_pickle", "False") == "False" for _, given in arrays)


def test_an_archive_is_never_unpacked_onto_the_disk():
    """Names, links, devices and bombs: tests/integration/downloads/test_extraction.py."""
    unpacking = {"extractall", "extract", "unpack_archive", "_extract_member"}
    attributes = {(file, getattr(node, "attr", "")) for file, node in nodes(ast.Attribute, OWN)}
    assert {one for one in attributes if one[1] in unpacking} == set()


def test_every_download_names_its_checksum():
    """Details: tests/integration/downloads."""
    asking = calls("requests.get", "httpx.get", "urlopen", "urlretrieve", files=OWN)
    assert {file for file, _ in asking} == {"tools/sources.py"}
    checked = calls("HTTPDownloader", "hf_hub_download", files=OWN)
    assert {file for file, _ in checked} == {"stages/downloads/http.py", "stages/downloads/hub.py"}
    unchecked = ("pooch.retrieve", "retrieve", "snapshot_download", "load_state_dict_from_url")
    assert calls(*unchecked, files=OWN) == []


def test_yaml_is_read_by_safe_loaders_alone():
    readers = calls("YAML")
    assert readers and all(given.get("typ") == "'safe'" for _, given in readers)
    assert calls("yaml.load", "yaml.load_all") == []
    unsafe = {"unsafe_load", "full_load", "UnsafeLoader", "FullLoader", "Loader"}
    assert {getattr(node, "attr", "") for _, node in nodes(ast.Attribute)} & unsafe == set()


@pytest.mark.parametrize("tag", ["apply:os.system [touch canary]", "new:os.system [touch canary]"])
def test_a_params_file_with_an_object_of_python_is_refused(tag, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = Path("params.yaml")
    file.write_text(f"study: !!python/object/{tag}")
    with pytest.raises(InputError, match=r"^params.yaml: line 1: not legal YAML: could") as refused:
        load_tree(file)
    assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == [tmp_path / "params.yaml"]


def test_of_a_study_names_alone_reach_a_shell():
    """Details: tests/pipeline/test_hostile_study.py."""
    assert all("${" not in body(stage)["cmd"].removesuffix(" ${key}") for stage in GRAPH)
    run = calls("os.system", "os.popen", "subprocess.getoutput", "eval", "exec", "compile")
    assert [file for file, _ in run] == []
    assert all(given.get("shell", "False") == "False" for _, given in calls("subprocess.run"))


def test_every_name_that_becomes_a_path_or_a_stage_has_no_special_character():
    groups = [v for v in Sections.__annotations__.values() if str(v).startswith("dict[")]
    looped = {stage["foreach"] for stage in GRAPH.values() if "foreach" in stage}
    assert len(groups) == len({*looped, "${backbones}", "${recipes}"})
    assert all(repr(KEY) in str(kind) for kind in groups)
