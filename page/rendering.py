"""The jinja2 templates: a folder for each kind of page, and `templates/shared` for all of them.

Each folder is a dependency of the stages that read it, so an edit of one page's templates does not
rebuild another page.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from interpreting_clip.charts.colours import css
from interpreting_clip.formats.result_tables import format_number
from page.names import format_percent


def template_environment(folder: str, filters: Mapping[str, Callable[..., Any]]) -> Environment:
    """Return the environment of a folder of templates, with the common filters and `filters`.

    Templates of `templates/shared` can be included too; `chart_colours` is a style sheet of the
    charts' colours. Values are escaped for HTML, and an undefined name is an error.
    """
    templates = Path(__file__).parent / "templates"
    environment = Environment(
        loader=FileSystemLoader([templates / folder, templates / "shared"]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"number": format_number, "percent": format_percent, **filters}
    environment.globals["chart_colours"] = css()
    return environment
