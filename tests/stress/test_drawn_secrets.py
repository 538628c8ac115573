"""Nothing that is said has a part of a secret: many secrets in many places."""

from tests.drawn_secrets import require_silence

CASES = 1000


def test_no_part_of_a_secret_is_said(tmp_path, capfd, caplog, recwarn):
    def printed() -> list[str]:
        return [*capfd.readouterr(), caplog.text, *(str(warning.message) for warning in recwarn)]

    assert require_silence(1, CASES, tmp_path / "place", printed) > 3 * CASES
