"""Logins and signatures in URLs."""

import pytest

from stages.runtime.errors import InputError
from stages.runtime.secrets import require_public, without_login

CLOSED = [
    "https://me:canary@host/a.tar",
    "https://canary@host/a.tar",
    "https://me:can@ary@host/a.tar",
    "https://host/a.tar?token=canary",
    "https://host/a.tar?download=1&access_token=canary",
    "https://host/a.tar?X-Amz-Signature=canary",
    "https://host/a.tar?sv=2024&sig=canary",
    "https://host/a.tar?API-KEY=canary",
]
OPEN = [
    "https://host:8080/a@b/c.tar",
    "https://zenodo.org/records/1/files/a.tar?download=1",
    "https://host/a.tar?inline=false&signals=3#x@y",
    "http://host",
]


@pytest.mark.parametrize("url", CLOSED)
def test_refuses_a_secret_and_does_not_repeat_it(url):
    with pytest.raises(ValueError, match=r"params\.yaml is for everybody") as refused:
        require_public(url)
    assert "canary" not in str(refused.value) and "can@ary" not in str(refused.value)


@pytest.mark.parametrize("url", OPEN)
def test_lets_everybody_s_urls_through(url):
    require_public(url)
    assert without_login(f"{url}: gone") == f"{url}: gone"


def test_an_error_shows_no_login():
    assert str(InputError("https://me:can@ary@host/a: gone")) == "https://host/a: gone"
