from xml.etree import ElementTree

from page.charts import CHARTS
from page.panels import panel_drawing
from page.study_tables import kurtosis_rows
from tests.unit.page.conftest import read

HOSTILE = "</script><!--<script>&]]> \" ' datum.x"


def test_a_label_is_text_in_a_panel_and_cannot_end_its_script(study):
    assert panel_drawing(CHARTS[0], []).panels == []
    study["entries"]["rn_web_broad"]["label"] = HOSTILE
    chart = next(chart for chart in CHARTS if chart.name == "kurtosis")
    drawing = panel_drawing(chart, kurtosis_rows(read(study)[:2]))
    assert not set("<>&") & set(drawing.spec)
    (panel,) = drawing.panels
    drawn = list(ElementTree.fromstring(panel.svg).iter())  # noqa: S314
    assert any(HOSTILE[:20] in "".join(e.itertext()) for e in drawn if e.tag.endswith("}text"))
    known = {"svg", "g", "rect", "path", "line", "text", "defs", "use"}
    assert {e.tag.partition("}")[2] for e in drawn} <= known
