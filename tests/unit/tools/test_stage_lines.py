"""How long the stages that are left take, and a stage's line."""

from tools.stage_lines import seconds_left, stage_line

NAMES = ["fetch@a", "fetch@b", "pretrain@c", "extract@c", "extract@d", "report"]


def test_a_stage_takes_what_its_kind_took():
    taken = {"fetch@a": 2.0, "pretrain@c": 90.0, "extract@c": 4.0}
    # another fetch, another extraction, and a report as the median stage
    assert seconds_left(taken, NAMES) == 2 + 4 + 4


def test_stages_that_were_up_to_date_take_no_time():
    taken = dict.fromkeys(NAMES[:3], 0.0) | {"extract@c": 0.0}
    assert seconds_left(taken, NAMES) == 0


def test_nothing_is_estimated_before_a_third_is_done():
    assert seconds_left({"fetch@a": 2.0}, NAMES) is None
    assert seconds_left({}, NAMES) is None
    assert seconds_left({"fetch@a": 2.0, "fetch@b": 4.0}, NAMES) == 4 * 3


def test_a_line_counts_and_tells_the_minutes():
    assert stage_line(7, 125, "report") == f"[  7/125] {'report':<40}"
    assert stage_line(7, 125, "report", 3.14).endswith(" 3.1 s")
    assert stage_line(7, 125, "report", 3.14, 130).endswith("about 2 min left")
    assert stage_line(7, 125, "report", 3.14, 20).endswith("less than a minute left")
    assert stage_line(125, 125, "report", 3.14, 0).endswith(" 3.1 s")
