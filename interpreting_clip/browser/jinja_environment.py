"""The jinja2 templates of pages, here and of a study."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from interpreting_clip.charts.colours import css
from interpreting_clip.formats.result_tables import format_number

TEMPLATES = Path(__file__).parent / "templates"
"""The templates of the pages of directions, and `style.css` for all pages."""


def jinja_environment(
    folders: Sequence[Path], filters: Mapping[str, Callable[..., Any]]
) -> Environment:
    """Return the environment of the templates in some folders, with a filter for numbers.

    `chart_colours` is a style sheet of the charts' colours. Values are escaped for HTML, and an
    undefined name is an error.
    """
    environment = Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"number": format_number, **filters}
    environment.globals["chart_colours"] = css()
    return environment
