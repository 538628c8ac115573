"""Damages files as disks, networks and editors do, the same way for the same seed."""

import random
import re

INTEGERS = (0, 1, 2**7 - 1, 2**7, 2**8 - 1, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**40)
INTEGERS += (2**62, 2**63 - 1, 2**63, 2**64 - 1)
"""Values at which counts, sizes and offsets go wrong."""

VALUES = (
    *(b"", b"null", b'""', b"true", b"0", b"-1", b"2.5", b"9" * 25, b"9" * 5000, b"1e999", b"NaN"),
    *(b"[]", b"{}", b"[[1]]", b'{"a": {"a": 0}}', b"[" * 4000, b"[" * 4000 + b"]" * 4000, b"\0"),
    *("²".encode(), "٣".encode(), b"\xff", b"\xed\xa0\x80", b'"\\ud800"', b"\xef\xbb\xbf", b'"'),
    *(
        b"x" * 300,
        b"x" * 140_000,
        b"../../x",
        b"/x",
        b"a\\b",
        b"2026-13-45",
        b"!!binary x",
        b"<<: *a",
    ),
    *(b"&a [*a]", b"&a", b"*a", b"!!python/object:os.system", b"inf", b"1_000", b"\r", b"\n", b";"),
    *(b"12e-400", b"0x10", b"1" + b"0" * 400, b"0." + b"3" * 400, b"%", b"{{x}}", b"${x}"),
)
"""Replacements for a word or a number in a text."""


def damaged(content: bytes, seed: int, *, text: bool) -> bytes:
    """Return a content with one to four corruptions; in a text, half of them hit words or lines."""
    rng = random.Random(seed)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        content = damage_text(content, rng) if text and rng.random() < 0.5 else damage(content, rng)
    return content


def damage(data: bytes, rng: random.Random) -> bytes:
    """Return data with a changed bit, byte, number or block, or without its end."""
    at, to = sorted((rng.randrange(len(data) + 1), rng.randrange(len(data) + 1)))
    size = rng.choice((1, 2, 4, 8, 16, 512))
    block = data[at : at + size]
    match rng.randrange(10):
        case 0 | 1:
            new, size = bytes(byte ^ 1 << rng.randrange(8) for byte in block[:1]), 1
        case 2:
            new, size = rng.choice((b"\0", b"\xff")), 1
        case 3:
            return data[:at]
        case 4:
            new, size = rng.randbytes(size), 0
        case 5:
            new = b""
        case 6:
            new, size = block + block, len(block)
        case 7:
            return (
                data[:at] + data[to : to + size] + data[at + size : to] + block + data[to + size :]
            )
        case _:
            width = rng.choice((2, 4, 8))
            number = rng.choice(INTEGERS) % 256**width
            new, size = number.to_bytes(width, rng.choice(("little", "big"))), width
    return data[:at] + new + data[at + size :]


def damage_text(data: bytes, rng: random.Random) -> bytes:
    """Return a text with a line or a word that is doubled, removed, moved or replaced."""
    parts = re.split(rb"(\n)" if rng.random() < 0.3 else rb'([\s,:;="\[\]{}()<>|]+)', data)
    at, to = (rng.randrange(0, len(parts), 2) for _ in range(2))
    match rng.randrange(6):
        case 0:
            parts[at] += b"".join(parts[at - 1 : at]) + parts[at]
        case 1:
            del parts[at : at + 2]
        case 2:
            parts[at], parts[to] = parts[to], parts[at]
        case _:
            parts[at] = rng.choice(VALUES)
    return b"".join(parts)
