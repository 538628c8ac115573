"""The jinja2 templates of the page and of the direction browser."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from page.names import format_number, format_percent


def template_environment(filters: Mapping[str, Callable[..., Any]]) -> Environment:
    """Return the environment of the templates, with `filters` beside the common ones.

    Values are escaped for HTML, and an undefined name is an error.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"number": format_number, "percent": format_percent, **filters}
    return environment
