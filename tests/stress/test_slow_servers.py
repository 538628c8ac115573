"""Many servers of random speeds: a download ends, with the file or with one line."""

import pytest

from tests.integration.downloads.slow_servers import (
    draw_cases,
    from_hub,
    from_urls,
    require_outcomes,
    use_limits,
)

LIMIT, CASES = 6.0, 90


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let retries not wait, neither ours nor those of the hub's client."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)


def test_an_answer_of_any_speed_is_taken_or_given_up(server, tmp_path, monkeypatch):
    use_limits(monkeypatch, LIMIT)
    cases = draw_cases(100, CASES, ("file", "redirection"))
    require_outcomes(cases, from_urls(server, cases, tmp_path))


def test_an_answer_of_the_hub_of_any_speed_is_taken_or_given_up(hub, tmp_path, monkeypatch):
    use_limits(monkeypatch, LIMIT)
    cases = draw_cases(200, CASES, ("revision", "tree", "small", "file"))
    require_outcomes(cases, from_hub(hub, cases, tmp_path))
