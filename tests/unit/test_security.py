"""What the project promises to whoever runs it on files of others, where ruff does not see it.

Its rules S102 to S605 refuse pickles, `extractall`, unsafe loaders of YAML, shells and `eval`. What
happens with harmful files is in tests/unit/encoders/test_weights.py, tests/unit/config and
tests/integration/downloads.
"""

import ast

from yaml.constructor import SafeConstructor

from interpreting_clip.config.syntax import Loader
from tests.reads import ROOT

ROOMS = ("interpreting_clip", "page", "runner", "stages", "tools", "benchmarks")
FILES = [f for room in ROOMS for f in (ROOT / room).rglob("*.py")]
CALLS = [
    (file.relative_to(ROOT).as_posix(), node)
    for file in FILES
    for node in ast.walk(ast.parse(file.read_bytes()))
    if isinstance(node, ast.Call)
]


def calls(*names: str) -> list[tuple[str, dict[str, str]]]:
    """Return the calls of functions or methods, each with its file and its arguments by name."""
    return [
        (file, {str(word.arg): ast.unparse(word.value) for word in node.keywords})
        for file, node in CALLS
        if any(f".{ast.unparse(node.func)}".endswith(f".{name}") for name in names)
    ]


def test_nothing_that_is_read_is_executed():
    loads, arrays = calls("torch.load"), calls("np.load", "numpy.load")
    assert loads and all(given.get("weights_only") == "True" for _, given in loads)
    assert all(given.get("allow_pickle", "False") == "False" for _, given in arrays)
    assert issubclass(Loader, SafeConstructor)
    assert calls("yaml.load", "yaml.unsafe_load", "yaml.full_load", "YAML", "joblib.load") == []


def test_an_archive_is_never_unpacked_onto_the_disk():
    assert calls("extractall", "extract", "unpack_archive", "_extract_member") == []


def test_every_download_names_its_checksum():
    asking = calls("requests.get", "session.get", "httpx.get", "urlopen", "urlretrieve")
    assert {file for file, _ in asking} == {"interpreting_clip/downloads/http.py"}
    others = ("retrieve", "hf_hub_download", "snapshot_download", "load_state_dict_from_url")
    assert calls(*others) == []
