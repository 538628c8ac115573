import sys
from types import ModuleType

import pytest

from stages.runtime.stand_ins import stand_ins

ABSENT = "wave"


@pytest.fixture(autouse=True)
def not_imported(monkeypatch):
    monkeypatch.delitem(sys.modules, ABSENT, raising=False)


def test_a_package_is_kept_out_for_a_block():
    with stand_ins({ABSENT: None}), pytest.raises(ImportError):
        import wave
    import wave

    assert wave.open


def test_another_module_stands_in_for_it():
    other = ModuleType(ABSENT)
    with stand_ins({ABSENT: other}):
        import wave

        assert wave is other
    assert ABSENT not in sys.modules


def test_what_is_imported_already_is_left_alone():
    with stand_ins({"sys": None}):
        assert sys.modules["sys"] is sys
    assert sys.modules["sys"] is sys


def test_an_error_puts_all_back():
    with pytest.raises(ValueError, match="inside"), stand_ins({ABSENT: None}):
        raise ValueError("inside")
    assert ABSENT not in sys.modules
