"""How the site shows formulas, graphs and docstrings, without scripts from elsewhere."""

import re
from textwrap import indent
from typing import Any, get_type_hints

import griffe
import mermaidx
from latex2mathml.converter import convert

import interpreting_clip


def formula(source: str, *_: Any, **__: Any) -> str:
    """Return LaTeX as MathML."""
    return f'<div class="formula">{convert(source, display="block")}</div>'


def graph(source: str, *_: Any, **__: Any) -> str:
    """Return Mermaid as SVG: dark lines, and a wide graph wide enough to be read."""
    svg = mermaidx.render(source).svg()
    if int(svg.partition('viewBox="')[2].split()[2].partition(".")[0]) > 1000:
        svg = svg.replace('width="100%"', 'width="1200"', 1)
    return f'<div class="graph">{svg}</div>'


class Docstrings(griffe.Extension):
    """Find what `interpreting_clip` imports late, and read docstrings as we write them."""

    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:
        """Add the functions, whose signatures and docstrings exist only at run time."""
        for name in interpreting_clip.__all__:
            # Without this, griffe would show the measure that is behind the function.
            vars(getattr(interpreting_clip, name)).pop("__wrapped__", None)
        imported = griffe.inspect(pkg.path, docstring_parser=griffe.Parser.numpy)
        for name in interpreting_clip.__all__:
            result = get_type_hints(getattr(interpreting_clip, name))["return"]
            place = f"{result.__module__}.{result.__name__}"
            pkg.set_member(result.__name__, griffe.Alias(result.__name__, place))
            pkg.set_member(name, imported[name])

    def on_attribute(self, *, attr: griffe.Attribute, **_: Any) -> None:
        """Show the type in `Annotated[type, Label(…)]`."""
        match attr.annotation:
            case griffe.ExprSubscript(left=left, slice=griffe.ExprTuple(elements=[kind, *_])):
                attr.annotation = kind if str(left) == "Annotated" else attr.annotation

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Indent the descriptions of parameters and of what is returned, as numpydoc has them."""
        if obj.docstring:
            text = re.sub(
                r"^(\w+(?:,\s+\w+)*) : (.*)",
                lambda entry: f"{' '.join(entry[1].split())}\n    {entry[2]}",
                obj.docstring.value,
                flags=re.MULTILINE,
            )
            obj.docstring.value = re.sub(
                r"^((?:Returns|Yields)\n-+\n)((?:\S.*\n?)+)",
                lambda section: f"{section[1]}:\n{indent(section[2], '    ')}",
                text,
                flags=re.MULTILINE,
            )
