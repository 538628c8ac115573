"""A zip encrypted as ObjectNet's is: PKWARE's traditional cipher, which `zipfile` only reads.

Written from section 6.1 of PKWARE's APPNOTE.TXT.
"""

import struct
import zlib


def encrypted_zip(files: dict[str, bytes], password: bytes) -> bytes:
    body, directory = b"", b""
    for name, data in files.items():
        crc, path = zlib.crc32(data), name.encode()
        sealed = encrypt(bytes(11) + bytes([crc >> 24]) + data, password)
        about = struct.pack("<HHHHIII", 1, 0, 0, 33, crc, len(sealed), len(data))
        entry = struct.pack("<4sHH", b"PK\1\2", 20, 20) + about
        entry += struct.pack("<HHHHHII", len(path), 0, 0, 0, 0, 0, len(body)) + path
        body += struct.pack("<4sH", b"PK\3\4", 20) + about + struct.pack("<HH", len(path), 0)
        body, directory = body + path + sealed, directory + entry
    ends = struct.pack("<HHHHIIH", 0, 0, len(files), len(files), len(directory), len(body), 0)
    return body + directory + b"PK\5\6" + ends


def encrypt(data: bytes, password: bytes) -> bytes:
    """Return encrypted data; the cipher's three keys are updated with the plain text."""
    keys = (0x12345678, 0x23456789, 0x34567890)
    for byte in password:
        keys = turned(keys, byte)
    sealed = bytearray()
    for byte in data:
        mask = keys[2] | 2
        sealed.append(byte ^ ((mask * (mask ^ 1)) >> 8 & 0xFF))
        keys = turned(keys, byte)
    return bytes(sealed)


def turned(keys: tuple[int, int, int], byte: int) -> tuple[int, int, int]:
    """Return the keys after one byte of plain text."""
    first = crc_step(keys[0], byte)
    second = ((keys[1] + (first & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
    return first, second, crc_step(keys[2], second >> 24)


def crc_step(crc: int, byte: int) -> int:
    """Return a CRC-32 updated by one byte, without its first and last inversion."""
    return zlib.crc32(bytes([byte]), crc ^ 0xFFFFFFFF) ^ 0xFFFFFFFF
