import pytest


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """Let retries not wait, neither ours nor those of the hub's client."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)
