from functools import partial

import pytest

# Vega-Lite warns of this for any layered chart with a step per row; its assumption holds here.
BENIGN = "Detected faceted independent scales that union domain of the same fields"


@pytest.fixture
def warned(monkeypatch, capfd):
    """Turn on Vega-Lite's warnings, and return a function that returns them."""
    import vl_convert

    aloud = partial(vl_convert.vegalite_to_vega, show_warnings=True)
    monkeypatch.setattr(vl_convert, "vegalite_to_vega", aloud)

    def warnings() -> str:
        lines = capfd.readouterr().err.splitlines()
        return "\n".join(line for line in lines if BENIGN not in line)

    return warnings
