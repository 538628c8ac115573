"""What every test shares."""

import os
from collections.abc import Generator

import pytest

os.environ.setdefault("DVC_NO_ANALYTICS", "1")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a skipped test where `SKIP_NOTHING` is set, as the continuous integration sets it."""
    report = yield
    if report.skipped and os.environ.get("SKIP_NOTHING"):
        report.outcome = "failed"
        report.longrepr = f"skipped, and SKIP_NOTHING is set: {report.longrepr}"
    return report
