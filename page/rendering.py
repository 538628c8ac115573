"""The jinja2 templates: a folder for each kind of page, and `templates/shared` for both.

Each folder is a dependency of the stages that read it, so an edit of one page's templates does not
rebuild another page. The pages of directions have theirs in the library.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment

from interpreting_clip.browser.jinja_environment import TEMPLATES, jinja_environment
from page.names import format_percent


def template_environment(folder: str, filters: Mapping[str, Callable[..., Any]]) -> Environment:
    """Return the environment of a folder of templates, with the common filters and `filters`.

    Templates of `templates/shared` can be included too, and the `style.css` of all pages.
    """
    own = Path(__file__).parent / "templates"
    folders = [own / folder, own / "shared", TEMPLATES]
    return jinja_environment(folders, {"percent": format_percent, **filters})
