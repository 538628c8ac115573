"""Which definitions a stage can reach, and what they say to a computer."""

import pytest

from interpreting_clip.errors import InputError
from runner.source_code import Sources

CODE = '''\
"""A module."""

LIMIT = 3
"""A limit."""

def double(x):
    """Double."""
    return 2 * x + LIMIT
'''


@pytest.fixture
def tree(tmp_path):

    def write(**modules: str):
        for name, text in modules.items():
            file = tmp_path / "stages" / f"{name.replace('__', '/')}.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return tmp_path

    return write


def reached(root, without=()) -> set[str]:
    """Return what `stages.a.main` reaches, as `module.name`."""
    found = Sources(root).reached(["stages.a.main"], without)
    return {f"{one.file.removeprefix('stages/').removesuffix('.py')}.{one.name}" for one in found}


def digests(text: str, root, words: bool = False) -> list[tuple[str, str]]:
    """Return the digests of all that a module defines."""
    (root / "stages").mkdir(exist_ok=True)
    (root / "stages/a.py").write_text(text)
    sources = Sources(root, words=words)
    return sources.digests(sources.reached(["stages.a"]))


B = "def f(): return g()\ndef g(): return LIMIT\nLIMIT = 1\ndef other(): return h()\ndef h(): ...\n"


@pytest.mark.parametrize(
    "text",
    [
        "from stages.room.b import f\ndef main(): f()",
        "from stages.room.b import f as g\nmain = [g for _ in ()]",
        "from stages.room import b\ndef main(): return b.f",
        "def main():\n    if True:\n        from stages.room.b import f",
        "from stages.c import f\n@f\ndef main(): ...",
        "from stages.c import f\nclass main(f): ...",
        "from stages.c import f\nclass main:\n    x: f",
        "from stages.c import f\nclass main:\n    f: f.kind",
        "from stages.c import f\nmain, other = f(), 2",
        "from stages.c import f\ndef main(x=f): ...",
    ],
)
def test_follows_a_name_wherever_it_stands_and_leaves_out_its_neighbours(tree, text):
    found = reached(tree(a=text, room__b=B, c="from stages.room.b import f"))
    assert found == {"a.main", "room/b.f", "room/b.g", "room/b.LIMIT"}


@pytest.mark.parametrize(
    "text",
    [
        "from stages.b import f\ndef main(f): return f()",
        "from stages.b import f\ndef main(): return [f for f in ()]",
        "from stages.b import f\ndef main(x: f) -> f:\n    y: f = 1",
        "from stages.b import f\ndef main(x): raise ValueError(f'{f(x)} is too few')",
        "if TYPE_CHECKING:\n    from stages.b import f\ndef main(): ...",
        "from stages.b import f\nif __name__ == '__main__':\n    f()\ndef main(): ...",
        "from runner.b import f\ndef main(): f()",
    ],
)
def test_follows_no_local_name_annotation_or_message(tree, text):
    assert reached(tree(a=text, b=B)) == {"a.main"}


def test_a_module_that_is_a_value_counts_whole_and_so_does_a_class(tree):
    text = "from stages import b\ndef main(): return vars(b)"
    whole = {f"b.{name}" for name in ("f", "g", "LIMIT", "other", "h")}
    assert reached(tree(a=text, b=B)) == {"a.main", *whole}
    literal = "import importlib\ndef main(): importlib.import_module('stages.b')"
    assert reached(tree(a=literal)) == {"a.main", *whole}
    text = "from stages.b import C\ndef main(): return C.one"
    b = "class C:\n    one = 1\n    def two(self): return f()\ndef f(): ...\n"
    assert reached(tree(a=text, b=b)) == {"a.main", "b.C", "b.f"}


def test_what_a_module_does_besides_counts_with_each_of_its_definitions(tree):
    b = "def f(): ...\ndef g(): ...\nfor x in range(3):\n    register(x)\ndef register(x): ...\n"
    found = reached(tree(a="from stages.b import f\ndef main(): f()", b=b))
    assert found == {"a.main", "b.f", "b.", "b.register"}


def test_leaves_out_the_branch_that_is_not_taken(tree):
    text = "from stages.b import f, other\ndef main(): f() or other()"
    found = reached(tree(a=text, b=B), {"f"})
    assert found == {"a.main", "b.other", "b.h"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import importlib\ndef f(): importlib.import_module(x)", r"b.py: line 2: .*computed"),
        ("def f():\n    from . import c", r"b.py: line 2: relative import"),
        ("a = 1\nb = (", r"b.py: line 2: not legal Python"),
        ("def g(): ...", r"b.py: expected a definition of f"),
    ],
)
def test_refuses_what_it_cannot_follow(tree, text, message):
    with pytest.raises(InputError, match=message):
        reached(tree(a="from stages.room.b import f\ndef main(): f()", room__b=text))


@pytest.mark.parametrize(
    "text",
    [
        "from stages.{} import f\ndef main(): f()",
        "def main():\n    from stages.{} import f\n    f()",
    ],
)
def test_a_definition_may_move(tree, text):
    def found(**modules: str) -> list[tuple[str, str]]:
        sources = Sources(tree(**modules))
        return sources.digests(sources.reached(["stages.a.main"]))

    before = found(a=text.format("b"), b=B)
    assert found(a=text.format("room.c"), room__c=f"HERE = 1\n{B}") == before


@pytest.mark.parametrize("swapped", [("x", "y"), ("math", "cmath")])
def test_another_meaning_of_a_name_is_seen_although_both_are_reached(tree, swapped):
    text = (
        "def main(): return one() + two()\n"
        "def one():\n    from {0} import sqrt as f\n    return f\n"
        "def two():\n    from {1} import sqrt as f\n    return f\n"
    )
    places = ["stages.x", "stages.y"] if "x" in swapped else [*swapped]
    found = []
    for order in (places, places[::-1]):
        sources = Sources(tree(a=text.format(*order), x="sqrt = 1", y="sqrt = 2"))
        found.append(sources.digests(sources.reached(["stages.a.main"])))
    assert found[0] != found[1]


ANY_PYTHON = "ccc4c3553f327c07352d3308b3776e1356a65eeab0c5726b324eb62e351bdf7d"


def test_a_digest_is_the_same_by_every_python(tmp_path):
    """With what versions from 3.11 to 3.13 parse or write differently."""
    source = (
        "class A(B):\n"
        "    async def f(self, *, x: int = 0) -> str:\n"
        "        return f'{x!r:<{x + 1}} {x:{x}}' + f'{x}'\n"
        "    g = [lambda: None, (), [], '', {**A}]\n"
    )
    assert digests(source, tmp_path)[0][1] == ANY_PYTHON


RAISING = """\
def check(x, wrong, kind="a"):
    if x < {"least": 1}["least"]:
        raise ValueError(f"{wrong['least']}: {x:.1f} is too few, " "not " + ", ".join("ab"))
    failed = errors.OtherError("it failed", code="b")
    raise TypeError("wrong") from failed
"""

LABEL = """\
class Shares(Result):
    x: Annotated[Estimate, Label("share of all", 1, unit="%", headline="share")]
    CAPTION: ClassVar[str] = "Interval: bootstrap."
    y: Annotated[int, Described("how many", "images")] = 1
"""

UNSEEN = {
    CODE: [
        ("A module.", "Reworded."),
        ('"""A limit."""\n', ""),
        ("x + LIMIT", "x + LIMIT  # twice"),
        ("(x):", "(x: int) -> int:"),
    ],
    RAISING: [
        ("is too few, ", "is less than"),
        ("it failed", "it went wrong"),
        ("{x:.1f}", "{kind}"),
    ],
    LABEL: [
        ("share of all", "fraction"),
        ('1, unit="%"', "digits=2"),
        ("bootstrap.", "jackknife."),
        ('"how many", "images"', '"of what"'),
    ],
}
"""By code, the edits that change only words, layout and annotations."""

SEEN = {
    CODE: [("2 *", "3 *"), ("(x)", "(x=1)"), ("= 3", "= 4"), ("+ LIMIT", "")],
    "x = 'a'": [("'a'", "'b'"), ("'a'", "None")],
    "x = f'{a}'": [("{a}", "{a}{b}")],
    RAISING: [
        ("x <", "x <="),
        ("raise ValueError", "raise KeyError"),
        ("from failed", ""),
        ('code="b"', 'code="c"'),
    ],
    LABEL: [
        ('headline="share"', 'headline="part"'),
        ("Estimate", "float"),
        ("Label", "Length"),
        ("= 1", "= 2"),
    ],
    # Elsewhere, a call of this name is code.
    'x = f(Label("share of all"))': [("share of all", "fraction")],
}
"""By code, the edits that change what is computed."""


@pytest.mark.parametrize(("edits", "seen"), [(UNSEEN, False), (SEEN, True)])
def test_a_digest_sees_code_and_neither_words_nor_layout(tmp_path, edits, seen):
    for source, pairs in edits.items():
        for old, new in pairs:
            assert source.count(old) == 1, old
            before = digests(source, tmp_path)
            other = digests(source.replace(old, new), tmp_path)
            assert (before != other) == seen, (old, new)


def test_wording_is_code_where_it_is_shown(tmp_path):
    before = digests(LABEL, tmp_path, words=True)
    for old, new in UNSEEN[LABEL]:
        assert digests(LABEL.replace(old, new), tmp_path, words=True) != before, old


def test_packages_are_what_a_reached_definition_uses(tree):
    text = (
        "import torch\nimport numpy as np\nfrom math import floor\ndef main(): np.array(floor(1))"
    )
    (names,) = Sources(tree(a=text)).reached(["stages.a.main"]).values()
    assert {one for found in names.values() for one in found} == {"numpy.array", "math.floor"}
