from functools import partial

import pytest


@pytest.fixture
def warned(monkeypatch, capfd):
    """Turn on Vega-Lite's warnings, and return a function that returns them."""
    import vl_convert

    aloud = partial(vl_convert.vegalite_to_svg, show_warnings=True)
    monkeypatch.setattr(vl_convert, "vegalite_to_svg", aloud)
    return lambda: capfd.readouterr().err
