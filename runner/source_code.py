"""The source code of our modules: which definitions a stage can reach, and what they compute.

A definition is a function, a class or a constant of a module: a statement that binds a name. It
reaches every definition that it names, wherever that is imported from. Of what it names in another
way (a method of an object, a field of a struct), the object's class counts, and counts whole. So
does a module that is used as a value. Any other statement of a module, such as a loop, counts with
each definition of the module.
"""

import ast
import hashlib
import symtable
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from interpreting_clip.errors import InputError

OURS = frozenset({"interpreting_clip", "page", "stages"})
"""The packages whose code changes results. The runner's does not, and is not followed."""

REST = ""
"""The name of all statements of a module that bind no name."""

DEPTH = 3
"""How far a digest looks: to what is named by what is named, and so on."""

WORDING = {"Label": ("", 0), "Part": ("",), "Described": ("",)}
"""The calls in annotations that label or explain a number, with blank arguments."""


METHODS = ("__repr__", "_repr_html_", "to_frame")
"""The methods with which a result shows itself."""


class Definition(NamedTuple):
    """A definition, or the `REST` of a module: the module's file below the root, and its name."""

    file: str
    name: str


Names = Mapping[str, Sequence[Definition | str]]
"""What the names in a definition mean: definitions of ours, or dotted names of other packages."""


@dataclass
class Module:
    """A parsed module: its statements by the name that they bind, and what its imports bind."""

    lines: list[str]
    words: bool
    statements: dict[str, list[ast.stmt]] = field(default_factory=dict)
    imports: dict[str, str] = field(default_factory=dict)
    contents: dict[str, tuple[set[str], dict[str, str], str]] = field(default_factory=dict)

    def content(self, name: str) -> tuple[set[str], dict[str, str], str]:
        """Return the names in a definition, what its own imports bind, and its syntax.

        Its statements are trimmed.
        """
        if name not in self.contents:
            names, imports = set[str](), dict[str, str]()
            for node in self.statements[name]:
                outside = names_outside(node, self.lines)
                trim(node, self.words)
                imports |= imported(ast.walk(node))
                names |= {name for name in named(node) if name.split(".")[0] in outside}
            text = "\n".join(map(syntax, self.statements[name]))
            self.contents[name] = names - imports.keys(), imports, text
        return self.contents[name]


@cache
def parse(text: str, words: bool) -> Module:
    """Return a parsed module; with `words`, the wording of labels and captions is code, too."""
    module = Module(text.split("\n"), words)
    for node in ast.parse(text).body:
        bound = bound_names(node)
        if not bound:
            module.imports |= imported(ast.walk(node))
        if not (isinstance(node, ast.Import | ast.ImportFrom) or runs_nowhere(node)):
            for name in bound or [REST]:
                module.statements.setdefault(name, []).append(node)
    return module


class Sources:
    """The modules below a root, each as it is when it is first asked for."""

    def __init__(self, root: Path, *, words: bool = True) -> None:
        self.root, self.words = root, words
        self.modules: dict[str, Module] = {}
        self.meanings: dict[str, list[Definition | str]] = {}

    def reached(
        self, roots: Iterable[str], without: Container[str] = ()
    ) -> dict[Definition, Names]:
        """Return the definitions that `roots` reach, each with the meanings of its names.

        Definitions named in `without` belong to another branch and are not followed.
        """
        todo, known = [item for root in roots for item in self.meaning(root)], {}
        while todo:
            item = todo.pop()
            if isinstance(item, Definition) and item not in known and item.name not in without:
                with legible(item.file):
                    known[item] = self.names(item)
                todo += [meaning for name in known[item].values() for meaning in name]
                if REST in self.modules[item.file].statements:
                    todo.append(Definition(item.file, REST))
        return known

    def names(self, definition: Definition) -> Names:
        """Return what the names in a definition mean."""
        module = self.module(definition.file)
        names, imports, _ = module.content(definition.name)
        meanings = {name: self.meaning(dotted) for name, dotted in imports.items()}
        for name in names:
            first, *attributes = name.split(".")
            if first in module.statements:
                meanings[name] = [Definition(definition.file, first)]
            elif first in module.imports:
                meanings[name] = self.meaning(".".join([module.imports[first], *attributes]))
        return meanings

    def meaning(self, dotted: str) -> list[Definition | str]:
        """Return what a dotted name means; all definitions of a module if it is one."""
        if dotted not in self.meanings:
            self.meanings[dotted] = list(self._meaning(dotted.split(".")))
        return self.meanings[dotted]

    def _meaning(self, parts: Sequence[str]) -> Iterable[Definition | str]:
        if parts[0] not in OURS:
            return [] if parts[0] == "runner" else [".".join(parts)]
        for count in range(len(parts), 0, -1):
            path = "/".join(parts[:count])
            for file in (f"{path}.py", f"{path}/__init__.py"):
                if file in self.modules or (self.root / file).is_file():
                    return self._within(file, parts[count:])
        raise InputError(f"{'.'.join(parts)}: expected a module of ours, got none")

    def _within(self, file: str, names: Sequence[str]) -> Iterable[Definition | str]:
        module = self.module(file)
        if not names or names[0].startswith("__"):
            return [Definition(file, name) for name in module.statements]
        if names[0] in module.statements:
            return [Definition(file, names[0])]
        if names[0] in module.imports:
            return self.meaning(".".join([module.imports[names[0]], *names[1:]]))
        raise InputError(f"{file}: expected a definition of {names[0]}, got none")

    def module(self, file: str) -> Module:
        """Return a module."""
        if file not in self.modules:
            with legible(file):
                self.modules[file] = parse((self.root / file).read_text("utf-8"), self.words)
        return self.modules[file]

    def digests(self, reached: Mapping[Definition, Names]) -> list[tuple[str, str]]:
        """Return the name of each definition with a digest of its syntax and of what it names.

        Modules' paths do not count: a definition may move.
        """
        syntax_of = {d: self.module(d.file).content(d.name)[2] for d in reached}
        digests = syntax_of
        for _ in range(DEPTH):
            digests = {d: _digest(d, syntax_of[d], digests, reached[d]) for d in reached}
        return sorted((definition.name, digest) for definition, digest in digests.items())


@contextmanager
def legible(file: str) -> Iterator[None]:
    """Name the file if it is not Python, or not Python that can be followed."""
    try:
        yield
    except SyntaxError as error:
        raise InputError(f"{file}: line {error.lineno}: not legal Python: {error.msg}") from None
    except ValueError as error:
        raise InputError(f"{file}: {error}") from None


def _digest(item: Definition, content: str, known: Mapping[Definition, str], names: Names) -> str:
    meanings = [(name.rpartition(".")[2], meaning) for name in names for meaning in names[name]]
    lines = [f"{name} {m if isinstance(m, str) else known.get(m)}" for name, m in meanings]
    return hashlib.sha256("\n".join([item.name, content, *sorted(lines)]).encode()).hexdigest()


def imported(nodes: Iterable[ast.AST]) -> dict[str, str]:
    """Return what the imports among some nodes bind, with the dotted names of what they mean.

    `importlib.import_module` counts if its argument is a literal name, as it always is here.
    """
    bound: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            # `import a.b` binds `a`, and naming `a` counts as naming `a.b`
            bound |= {a.asname or a.name.partition(".")[0]: a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"line {node.lineno}: relative import; import by absolute path")
            bound |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
        elif isinstance(node, ast.Call) and called(node) == "import_module":
            name = getattr(node.args[0], "value", None)
            if not isinstance(name, str):
                raise ValueError(f"line {node.lineno}: import by computed name; write the name out")
            bound[f"import_module({name})"] = name
    return bound


def bound_names(node: ast.stmt) -> list[str]:
    """Return the names that a statement of a module defines; none if it does something else."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    if not isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        return []
    parts = [part for target in targets for part in getattr(target, "elts", [target])]
    names = [part.id for part in parts if isinstance(part, ast.Name)]
    return names if len(names) == len(parts) else []


def runs_nowhere(node: ast.stmt) -> bool:
    """Say whether a statement is a docstring, or runs in a type checker or a program only."""
    tests = ("TYPE_CHECKING", "__name__ == '__main__'")
    guarded = isinstance(node, ast.If) and not node.orelse and ast.unparse(node.test) in tests
    return guarded or is_docstring(node)


def names_outside(node: ast.stmt, lines: list[str]) -> set[str]:
    """Return the names in a statement of a module that are not local where they stand."""
    decorators = getattr(node, "decorator_list", ())
    first = min(part.lineno for part in (node, *decorators))
    todo = [symtable.symtable("\n".join(lines[first - 1 : node.end_lineno]), "", "exec")]
    names = set[str]()
    while todo:
        scope = todo.pop()
        # Names in a class are looked up outside if the class has none (yet).
        direct = scope.get_type() in ("module", "class")
        symbols = scope.get_symbols()
        names |= {s.get_name() for s in symbols if s.is_global() or (direct and s.is_referenced())}
        todo += scope.get_children()
    return names


def named(node: ast.AST) -> Iterator[str]:
    """Yield the names in a statement; a module's attributes as `module.attribute`."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        yield f"{node.value.id}.{node.attr}"
    elif isinstance(node, ast.Name):
        yield from [node.id] if isinstance(node.ctx, ast.Load) else ()
    else:
        for child in ast.iter_child_nodes(node):
            yield from named(child)


def trim(statement: ast.stmt, words: bool) -> None:
    """Take what computes nothing out of a definition.

    That is docstrings, annotations except on a class's fields, which types are decoded by,
    and the texts of exceptions. A message is a text or an f-string among the positional arguments
    of a call in a `raise`, or of a name that ends in Error. `words` keeps what shows a result:
    labels, captions, its methods, and the docstrings of classes.
    """
    fields: set[ast.stmt] = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.ClassDef):
            node.body = [line for line in node.body if words or not shows(line)]
            fields |= {*node.body}
        # A JSON Schema has the docstrings of classes.
        explained = words and isinstance(node, ast.ClassDef)
        if isinstance(body := getattr(node, "body", None), list) and not explained:
            kept = [line for line in body if not is_docstring(line)]
            node.body = kept or [ast.Pass()]  # pyright: ignore[reportAttributeAccessIssue]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        if isinstance(node, ast.arg):
            node.annotation = None
        if isinstance(node, ast.AnnAssign):
            if node not in fields:
                node.annotation = ast.Constant(None)
            elif not words:
                strip_words(node)
        for call in exceptions(node):
            for argument in call.args:
                empty_texts(argument)
        # of a value's format, which early versions of 3.12 end with ""
        if isinstance(node, ast.JoinedStr):
            node.values = [v for v in node.values if getattr(v, "value", None) != ""]


def strip_words(annotated: ast.AnnAssign) -> None:
    """Take the wording out of a field of a class: of its labels, its description and its caption.

    That a field has a label stays, and so do the names of other fields and of columns.
    """
    for call in ast.walk(annotated.annotation):
        if isinstance(call, ast.Call) and called(call) in WORDING:
            call.args = [ast.Constant(blank) for blank in WORDING[called(call)]]
            call.keywords = [k for k in call.keywords if k.arg in ("chance", "headline")]
    if ast.unparse(annotated.target) == "CAPTION":
        annotated.value = ast.Constant("")


def exceptions(node: ast.AST) -> Iterator[ast.Call]:
    """Yield the call that makes an exception: in a `raise`, or of a name that ends in Error."""
    call = node.exc if isinstance(node, ast.Raise) else node
    if isinstance(call, ast.Call) and (call is not node or called(call).endswith("Error")):
        yield call


def empty_texts(node: ast.AST) -> None:
    """Empty the texts in an expression, other than the keys of subscripts."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        node.value = ""
    elif isinstance(node, ast.JoinedStr):
        node.values = []
    else:
        inner = [node.value] if isinstance(node, ast.Subscript) else ast.iter_child_nodes(node)
        for child in inner:
            empty_texts(child)


def shows(line: ast.stmt) -> bool:
    """Say whether a line of a class is a method that shows an object."""
    return isinstance(line, ast.FunctionDef) and line.name in METHODS


def called(call: ast.Call) -> str:
    """Return the name of what is called, without the module that it is in."""
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def syntax(node: Any) -> str:
    """Return a syntax tree as text, without the paths of modules of ours.

    Empty fields are left out: later versions of Python add fields to nodes (3.12 the type
    parameters of a function), and `ast.dump` omits empty lists from 3.13 on.
    """
    if isinstance(node, list):
        return f"[{', '.join(map(syntax, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = [(n, v) for n, v in ast.iter_fields(node) if n != "ctx" and v not in (None, [])]
    if isinstance(node, ast.ImportFrom) and str(node.module).partition(".")[0] in OURS:
        fields = [(name, value) for name, value in fields if name != "module"]
    return f"{type(node).__name__}({', '.join(f'{n}={syntax(v)}' for n, v in fields)})"


def is_docstring(line: ast.AST) -> bool:
    """Say whether a statement is only a string."""
    return isinstance(line, ast.Expr) and isinstance(getattr(line.value, "value", None), str)
