"""URLs are shown and stored without what grants access."""

import pytest

from interpreting_clip.errors import InputError, public_url, without_urls
from interpreting_clip.quantities import require_public


@pytest.mark.parametrize("url", ["https://host/a.tar", "https://host/d?id=7&download=1&raw"])
def test_a_public_url_stays_as_it_is(url):
    assert public_url(url) == url
    require_public(url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:word@host:1/a?dl=1", "https://…@host:1/a?dl=1"),
        ("https://host/a?id=7&jwt=x", "https://host/a?id=7&jwt=…"),
        ("https://host/a?dl=1#access_token=x", "https://host/a?dl=1#…"),
        ("me:word@host", "…"),
    ],
)
def test_shows_where_something_was_left_out(url, shown):
    assert public_url(url) == shown
    with pytest.raises(ValueError, match="…") as refused:
        require_public(url)
    assert "word" not in str(refused.value)


def test_an_error_shows_no_login_and_a_library_no_url():
    text = "https://me:word@host/a: gone"
    assert str(InputError(text)) == "https://…@host/a: gone"
    assert without_urls(text) == "… gone"
