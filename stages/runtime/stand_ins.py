"""Imports of other packages without the optional ones that they would take along."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType


@contextmanager
def stand_ins(modules: Mapping[str, ModuleType | None]) -> Iterator[None]:
    """Let `import` find `modules` (None: find nothing) in place of those not imported yet.

    `sys.modules` is put back after the block: a later import finds the real ones.
    """
    absent = [name for name in modules if name not in sys.modules]
    sys.modules.update({name: modules[name] for name in absent})  # pyright: ignore
    try:
        yield
    finally:
        for name in absent:
            sys.modules.pop(name, None)
