"""URLs are shown and stored without what grants access."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interpreting_clip.errors import InputError
from interpreting_clip.quantities import require_public
from interpreting_clip.urls import public_url
from runner.machine_settings import Machine, read_machine

SECRET = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).map(
    lambda text: f"canary{text}yranac"
)
"""A secret of any characters; its ends are looked for in what is shown."""


def is_hidden(text):
    return "canary" not in text and "yranac" not in text


@pytest.mark.parametrize(
    "url",
    [
        "https://host/a.tar",
        "http://127.0.0.1:80/%40x/a b.tar",
        "https://host/d?id=7&download=1&raw",
        "https://zenodo.org/records/1/files/a.tar?download=1",
    ],
)
def test_a_public_url_stays_as_it_is(url):
    assert public_url(url) == url
    require_public(url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:p@ss@host/a", "https://…@host/a"),
        ("HTTP://me@host", "HTTP://…@host"),
        ("me:pass://word@host", "…"),
        ("https:/me:word@host", "…"),
        ("a-bare-word", "…"),
        ("https://me:word", "https://…"),
        ("https://[me:word", "https://…"),
        ("https://me:word\N{FULLWIDTH COMMERCIAL AT}host/a", "https://…@host/a"),
        ("https://me:word\N{SMALL COMMERCIAL AT}host/a", "https://…@host/a"),
        ("https://me:wo\N{FULLWIDTH SOLIDUS}rd@host/a", "https://…@host/a"),
        ("https://host\N{FULLWIDTH NUMBER SIGN}word/a", "https://…"),
        ("https://me:pa/sw o r@host:1/a?dl=1", "https://…@host:1/a?dl=1"),
        ("https://me:pa?ss@host/a", "https://…"),
        ("https://host/a?key=pa@ss", "https://…"),
        ("https://host/a?id=7&jwt=x", "https://host/a?id=7&jwt=…"),
        ("https://host/a?x", "https://host/a?…"),
        ("https://host/a;token=x", "https://host/a;…"),
        ("https://host/a#access_token=x", "https://host/a#…"),
        ("https://host/a?dl=1;token=x", "https://host/a?dl=1;…"),
        ("https://host/a?dl=1#x", "https://host/a?dl=1#…"),
    ],
)
def test_shows_where_something_was_left_out(url, shown):
    assert public_url(url) == shown
    with pytest.raises(ValueError, match="may grant access"):
        require_public(url)


@given(st.sampled_from(["https://", "http://", "", "ftp://", "https:/"]), SECRET, SECRET)
def test_no_part_of_a_login_is_shown(scheme, user, password):
    url = f"{scheme}{user}:{password}@host/a.tar"
    assert is_hidden(public_url(url))
    assert public_url(url).endswith(("…@host/a.tar", "…"))
    with pytest.raises(ValueError, match="may grant access") as refused:
        require_public(url)
    assert is_hidden(str(refused.value))


@given(st.sampled_from(["key", "pwd", "jwt", "code", "X-Amz-Signature", "sig"]), SECRET)
def test_no_value_of_an_unknown_query_is_shown(name, secret):
    secret = secret.replace("&", "")  # begins another parameter
    for url in (f"https://host/a?id=1&{name}={secret}", f"https://host/a?id=1#{name}={secret}"):
        assert is_hidden(public_url(url))


@given(st.sampled_from(["https://", "http://", ""]), SECRET, SECRET)
def test_a_mirror_is_taken_or_refused_without_a_word_of_its_login(scheme, user, password):
    with pytest.MonkeyPatch.context() as patch:
        login = f"{user}:{password}".replace("\0", "")  # no variable can hold it
        patch.setenv("INTERPRETING_CLIP_MIRROR", f"{scheme}{login}@host/all")
        try:
            assert isinstance(read_machine(), Machine)
        except InputError as refused:
            assert is_hidden(str(refused)) and "…" in str(refused)
            assert isinstance(refused.__cause__, msgspec.ValidationError | None)
