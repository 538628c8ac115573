"""The page that DVC fills, with Vega inside."""

from dvc_render.html import HTML

from tools.offline_plots import write_offline_template


def test_dvc_fills_the_page_and_nothing_is_loaded_from_outside(tmp_path):
    write_offline_template(tmp_path / "new" / "page.html")
    text = (tmp_path / "new" / "page.html").read_text()
    page = HTML(text).with_scripts("<script src=cdn>").with_element("<div>plot</div>").embed()
    assert "<div>plot</div>" in page and "src=cdn" not in page
    assert "vegaEmbed" in page and page.count("<script") == page.count("</script>") == 1
