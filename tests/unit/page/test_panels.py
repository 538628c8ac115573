from xml.etree import ElementTree

from page.charts import CHARTS
from page.panels import panel_drawing
from page.study_tables import study_tables
from tests.unit.page.conftest import read


def test_a_chart_without_rows_has_no_panel():
    assert panel_drawing(CHARTS[0], []).panels == []


HOSTILE = "</script><!--<script>&]]> \" ' datum.x"


def test_a_label_is_text_in_a_panel_and_cannot_end_its_script(study, baseline):
    study["entries"]["rn_web_broad"]["label"] = HOSTILE
    drawing = panel_drawing(CHARTS[1], study_tables(read(study)[:2], [], baseline)["kurtosis"])
    assert not set("<>&") & set(drawing.spec)
    (panel,) = drawing.panels
    drawn = ElementTree.fromstring(panel.svg)  # noqa: S314
    words = ["".join(e.itertext()) for e in drawn.iter() if e.tag.endswith("}text")]
    assert any(HOSTILE[:20] in text for text in words)
    known = {"svg", "g", "rect", "path", "line", "text", "defs", "use"}
    assert {e.tag.partition("}")[2] for e in drawn.iter()} <= known
