import sys
from types import ModuleType

import pytest

from interpreting_clip.encoders.open_clip_import import replaced_modules

ABSENT = "wave"


@pytest.fixture(autouse=True)
def not_imported(monkeypatch):
    monkeypatch.delitem(sys.modules, ABSENT, raising=False)


def test_another_module_replaces_it_unless_it_is_imported_already():
    with pytest.raises(ImportError), replaced_modules({ABSENT: None}):
        import wave
    other = ModuleType(ABSENT)
    with replaced_modules({ABSENT: other, "sys": None}):
        import wave

        assert wave is other and sys.modules["sys"] is sys
    assert ABSENT not in sys.modules and sys.modules["sys"] is sys
