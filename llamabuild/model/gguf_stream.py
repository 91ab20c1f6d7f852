"""Reads the primitive values of a GGUF file, with every size checked before it is believed.

Standard library alone; no more than one value is held in memory.
"""

from __future__ import annotations

import struct
from typing import IO

MAX_STRING_BYTES = 1 << 16
"""Of a name or a value that is kept; longer values are skipped unread."""
MAX_ITEMS = 1 << 23
"""Of an array of strings; the largest vocabularies have some hundred thousand."""
SCALARS = dict(zip((0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12), "BbHhIif?Qqd", strict=True))
"""``struct`` codes of GGUF's scalar value types."""
STRING, ARRAY = 8, 9

Value = int | float | bool | str | None


class BadGguf(Exception):
    """The file is not what a GGUF file is; the text says why in one clause."""


class GgufStream:
    """A forward-only reader of little-endian values.

    Args:
        stream: The file, at its start.
        size: Bytes in the file.
    """

    def __init__(self, stream: IO[bytes], size: int) -> None:
        self._stream = stream
        self._size = size
        self.position = 0
        self.reading = "the header"
        """What is being read, for the error if the file ends in it."""

    @property
    def left(self) -> int:
        """Bytes after the position."""
        return self._size - self.position

    def scalar(self, code: str) -> int | float:
        """Read one number, given its ``struct`` code."""
        data = self._take(struct.calcsize("<" + code))
        value: int | float = struct.unpack("<" + code, data)[0]
        return value

    def count(self, code: str, what: str, *, smallest: int, limit: int) -> int:
        """Read how many things of at least ``smallest`` bytes each follow."""
        number = int(self.scalar(code))
        if number > limit or number * smallest > self.left:
            why = f"it claims {number} {what}, more than the file can hold"
            raise BadGguf(why)
        return number

    def string(self) -> str:
        """Read a string that is kept."""
        length = self._length()
        if length > MAX_STRING_BYTES:
            why = f"{self.reading} holds a name of {length} bytes"
            raise BadGguf(why)
        return self._take(length).decode("utf-8", "replace")

    def value(self, kind: int) -> Value:
        """Read the value of a key. Arrays give their length, overlong strings None."""
        if kind in SCALARS:
            return self.scalar(SCALARS[kind])
        if kind == STRING:
            length = self._length()
            if length <= MAX_STRING_BYTES:
                return self._take(length).decode("utf-8", "replace")
            self.skip(length)
            return None
        if kind == ARRAY:
            return self._array()
        why = f"{self.reading} is of the unknown type {kind}"
        raise BadGguf(why)

    def skip(self, size: int) -> None:
        """Go forward without reading."""
        self._need(size)
        self._stream.seek(size, 1)
        self.position += size

    def _array(self) -> int:
        kind = int(self.scalar("I"))
        if kind == STRING:
            items = self.count("Q", "strings", smallest=8, limit=MAX_ITEMS)
            for _ in range(items):
                self.skip(self._length())
        elif kind in SCALARS:
            size = struct.calcsize("<" + SCALARS[kind])
            items = self.count("Q", "numbers", smallest=size, limit=self._size)
            self.skip(items * size)
        else:
            why = f"{self.reading} is an array of the unknown type {kind}"
            raise BadGguf(why)
        return items

    def _length(self) -> int:
        length = int(self.scalar("Q"))
        self._need(length)
        return length

    def _take(self, size: int) -> bytes:
        self._need(size)
        data = self._stream.read(size)
        if len(data) != size:
            why = f"the file ends inside {self.reading}"
            raise BadGguf(why)
        self.position += size
        return data

    def _need(self, size: int) -> None:
        if size > self.left:
            why = f"the file ends inside {self.reading}"
            raise BadGguf(why)
