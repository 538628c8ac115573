"""The instruments as people call them: nothing checks the types of their arguments.

Under test, beartype checks every function of the library, and would refuse what a person passes
before the instrument does.
"""

import inspect
from types import SimpleNamespace
from typing import Any

import interpreting_clip

ic: Any = SimpleNamespace(
    **{name: inspect.unwrap(getattr(interpreting_clip, name)) for name in interpreting_clip.__all__}
)
