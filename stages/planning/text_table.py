"""Tables in plain text, with columns that line up."""

from collections.abc import Sequence

GAP = "  "


def table(header: Sequence[str], rows: Sequence[Sequence[str]], words: int = 1) -> str:
    """Return rows under a header: the first `words` columns to the left, numbers to the right.

    A last column without a header is a remark and stands to the left too.
    """
    lines = [header, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    left = {*range(words), *([len(header) - 1] if not header[-1] else [])}
    return "\n".join(
        GAP.join(
            cell.ljust(width) if i in left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def titled(title: str, body: str) -> str:
    """Return a table under its title."""
    return f"{title}\n{'-' * len(title)}\n{body}\n"
