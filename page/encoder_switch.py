"""The script beside the direction browsers that lets a page lead to other encoders' pages."""

from collections.abc import Sequence

from page.drawings import script_json
from page.links import DIRECTIONS_PER_PAGE, feature_page
from page.results import StudyEncoder


def switch_script(encoders: Sequence[StudyEncoder]) -> str:
    """Return the script: each encoder with pages, by its key, label, directions and features.

    A browser is made for one encoder and knows no other, so that a new encoder makes no other
    browser anew; this file is the report's, which knows all.
    """
    listed = []
    for e in (one for one in encoders if one.browsable):
        examined = [axis.feature for axis in e.results.outlier_axes.axes]
        concepts = e.results.concepts
        named = {p.number for p in concepts.features.encoded} if concepts else set[int]()
        pages = dict.fromkeys(examined, "features")
        pages |= {f: feature_page(f) for f in sorted(named) if f not in pages}
        listed.append(
            {
                "key": e.key,
                "label": e.entry.label,
                "directions": e.results.directions.directions,
                "features": [list(one) for one in pages.items()],
            }
        )
    value = {"perPage": DIRECTIONS_PER_PAGE, "encoders": listed}
    return f"window.encoders = {script_json(value)};\n"
