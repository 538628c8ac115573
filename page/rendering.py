"""The jinja2 templates: `templates/report` of the page, `templates/browser` of the browser.

Each folder is a dependency of the stage that reads it, and no template is in both, so that an edit
of the one does not make the other anew.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from page.names import format_number, format_percent


def template_environment(folder: str, filters: Mapping[str, Callable[..., Any]]) -> Environment:
    """Return the environment of a folder of templates, with `filters` beside the common ones.

    Values are escaped for HTML, and an undefined name is an error.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates" / folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"number": format_number, "percent": format_percent, **filters}
    return environment
