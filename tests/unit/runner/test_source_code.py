"""Which files a stage can import, and what they say to a computer."""

import pytest

from interpreting_clip.errors import InputError
from runner.source_code import (
    code_digest,
    import_closure,
)

CODE = '''\
"""A module."""

LIMIT = 3
"""A limit."""

def double(x):
    """Double."""
    return 2 * x
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


def closure(root) -> set[str]:
    return {name.removeprefix("stages/") for name in import_closure("a", root)}


@pytest.mark.parametrize(
    "text",
    [
        "import stages.room.b",
        "from stages.room import b",
        "from stages.room.b import thing",
        "def late():\n    if True:\n        from stages.room.b import thing",
    ],
)
def test_follows_an_import_of_any_form_at_any_depth(tree, text):
    root = tree(a=text, room__b="import stages.c", c="", d="")
    assert closure(root) == {"a.py", "room/b.py", "c.py"}


@pytest.mark.parametrize("text", ["import stages.room", "from stages import room"])
def test_counts_a_package_and_one_in_place_of_a_module(tree, text):
    root = tree(a=text, room="", room__b="", c="")
    (root / "stages/room/__init__.py").write_text("import stages.c")
    assert closure(root) == {"a.py", "room.py", "room/__init__.py", "c.py"}


def test_leaves_out_the_branch_that_is_not_taken(tree):
    root = tree(a="import stages.b, stages.c", b="import stages.d", c="", d="")
    assert import_closure("a", root, {"stages/b.py"}) == {"stages/a.py", "stages/c.py"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import importlib\nimportlib.import_module(name)", r"b.py: line 2: .*computed"),
        ("a = 1\nb = (", r"b.py: line 2: not legal Python"),
    ],
)
def test_refuses_an_import_by_computed_name_and_what_is_no_python(tree, text, message):
    with pytest.raises(InputError, match=message):
        closure(tree(a="import stages.room.b", room__b=text))


ANY_PYTHON = "cf2fddb197d2bb522390f78ea73e1146398841aa8899558b5a5a13f523809859"


def test_a_digest_is_the_same_by_every_python():
    """With what versions from 3.11 to 3.13 parse or write differently."""
    source = (
        "class A(B):\n"
        "    async def f(self, *, x: int = 0) -> str:\n"
        "        return f'{x!r:<{x + 1}} {x:{x}}' + f'{x}'\n"
        "    g = [lambda: None, (), [], '', {**A}]\n"
    )
    assert code_digest(source) == ANY_PYTHON


RAISING = """\
def check(x, wrong, kind="a"):
    if x < {"least": 1}["least"]:
        raise ValueError(f"{wrong['least']}: {x:.1f} is too few, " "not " + ", ".join("ab"))
    failed = errors.OtherError("it failed", code="b")
    raise TypeError("wrong") from failed
"""

LABEL = 'x: Annotated[Estimate, Label("share of all", 1, unit="%", headline="share")]'

UNSEEN = {
    CODE: [
        ("A module.", "Reworded."),
        ('"""A limit."""\n', ""),
        ("return 2 * x", "return 2 * x  # twice"),
    ],
    RAISING: [
        ("is too few, ", "is less than"),
        ("it failed", "it went wrong"),
    ],
    LABEL: [("share of all", "fraction"), ('1, unit="%"', "digits=2")],
}
"""By code, the edits that change only words and layout."""

SEEN = {
    CODE: [("2 *", "3 *"), ("(x)", "(x=1)")],
    "x = 'a'": [("'a'", "'b'"), ("'a'", "None")],
    "x = f'{a}'": [("{a}", "{a}{b}")],
    RAISING: [
        ("x <", "x <="),
        ("{x:.1f}", "{kind}"),
        ("raise ValueError", "raise KeyError"),
        ("from failed", ""),
    ],
    LABEL: [
        ('headline="share"', 'headline="part"'),
        ("Estimate", "float"),
        ("Label", "Length"),
    ],
    # Elsewhere, a call of this name is code.
    f"x = f({LABEL[3:]})": [("share of all", "fraction"), ('1, unit="%"', "digits=2")],
}
"""By code, the edits that change what is computed."""


@pytest.mark.parametrize(("edits", "seen"), [(UNSEEN, False), (SEEN, True)])
def test_a_digest_sees_code_and_neither_words_nor_layout(edits, seen):
    for source, pairs in edits.items():
        for old, new in pairs:
            assert source.count(old) == 1, old
            other = source.replace(old, new)
            assert (code_digest(other) != code_digest(source)) == seen, (old, new)


def test_leaves_out_what_a_package_imports_when_a_name_is_asked_for(tree):
    lazy = (
        "import stages.d\n"
        "if TYPE_CHECKING:\n    from stages.b import thing\n"
        "def __getattr__(name):\n    from stages import c\n    return c\n"
        "def other():\n    from stages import e\n"
    )
    root = tree(a="from stages.room import f", room__f="", b="", c="", d="", e="")
    (root / "stages/room/__init__.py").write_text(lazy)
    assert closure(root) == {"a.py", "room/__init__.py", "room/f.py", "d.py", "e.py"}
    # Only a package is asked for names that it lacks.
    assert closure(tree(a=lazy)) == {"a.py", "c.py", "d.py", "e.py"}
