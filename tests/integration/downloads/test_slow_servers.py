"""Servers of random speeds: a download ends, with the file or with one line.

Every case runs in a thread of its own, at the same time. No number of seconds is asserted: a server
that is slow for ever ends its answers after `PATIENCE`, and the test fails.
"""

import pytest

from interpreting_clip.downloads.deadline import Deadline, LateError, bounded
from tests.integration.downloads.loopback import Pace
from tests.integration.downloads.slow_servers import (
    draw_cases,
    from_hub,
    from_urls,
    require_outcomes,
    use_limits,
)
from tools.reachable import ask_url

LIMIT, CASES = 4.0, 24


def test_an_answer_of_any_speed_is_taken_or_given_up(server, tmp_path, monkeypatch):
    use_limits(monkeypatch, LIMIT)
    cases = draw_cases(0, CASES, ("file", "redirection"))
    require_outcomes(cases, from_urls(server, cases, tmp_path))


def test_an_answer_of_the_hub_of_any_speed_is_taken_or_given_up(hub, tmp_path, monkeypatch):
    use_limits(monkeypatch, LIMIT)
    cases = draw_cases(1, CASES, ("revision", "tree", "small", "file"))
    require_outcomes(cases, from_hub(hub, cases, tmp_path))


def test_a_proxy_that_answers_one_byte_at_a_time_is_given_up(server, tmp_path, monkeypatch):
    use_limits(monkeypatch, 0.5)
    monkeypatch.setenv("https_proxy", server.url)
    monkeypatch.setattr(server, "tunnel", Pace(slow=5, pause=1.0))
    assert "LateError" in str(ask_url("https://example.org/a.tar").problem)


def test_redirections_do_not_start_the_time_anew(server, monkeypatch):
    use_limits(monkeypatch, 1.0)
    for step in range(25):
        path = f"/{step}"
        server.redirects[path] = f"{server.url}/{step + 1}"
        server.paces[path] = Pace(slow=10, pause=0.004)
    assert "LateError" in str(ask_url(f"{server.url}/0").problem)


def test_a_span_counts_only_its_own_bytes(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])

    def blocks(*sizes: int):
        for size in sizes:
            clock[0] += 30.0
            yield bytes(size)

    for sizes, late in {
        (40_000,) * 9: False,
        (1 << 20, *(40_000,) * 9): False,
        (1 << 30, *(100,) * 9): True,
        (100,) * 9: True,
    }.items():
        deadline = Deadline()
        deadline.begin()
        if late:
            with pytest.raises(LateError, match=r"only [\d,]+ bytes came in 60 seconds"):
                list(bounded(blocks(*sizes), 1 << 40, deadline))
        else:
            assert sum(map(len, bounded(blocks(*sizes), 1 << 40, deadline))) == sum(sizes)


def test_a_pause_between_requests_counts_as_nobody_s(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    deadline = Deadline()
    deadline.begin()
    deadline.pause()
    clock[0] += 1e6
    deadline.require()
    began = deadline.begin()
    clock[0] += 100
    deadline.begin(began)  # redirected
    clock[0] += 21
    with pytest.raises(LateError, match="no content came in 120 seconds"):
        deadline.require()
