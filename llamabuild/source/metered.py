"""A view of a stream that gives out no more than it was told to.

Readers of archive formats read a header into memory as large as the header says it is. Behind
this view a hostile size ends in an error instead.
"""

from __future__ import annotations

from typing import IO

SKIP_BYTES = 1 << 20


class UnsafeArchive(Exception):
    """What an archive holds, or says it holds, is refused. The text is a clause without a stop."""


class MeteredReader:
    """Forward-only reads under two limits.

    Args:
        raw: What to read from.
        total_bytes: Bytes that may pass in all, those that are skipped included.
    """

    def __init__(self, raw: IO[bytes], total_bytes: int) -> None:
        self._raw = raw
        self._left = total_bytes
        self._position = 0
        self.allowance = 0
        """Bytes that reads may take before it is set anew."""

    def read(self, size: int = -1) -> bytes:
        """Read up to ``size`` bytes, which must be given."""
        if not 0 <= size <= self.allowance:
            why = "a header is larger than any honest one"
            raise UnsafeArchive(why)
        data = self._take(size)
        self.allowance -= len(data)
        return data

    def tell(self) -> int:
        """Return the position in the stream."""
        return self._position

    def seek(self, position: int, _whence: int = 0) -> int:
        """Skip forward to an absolute position, or as far as there is anything."""
        if position < self._position:
            why = "its members overlap"
            raise UnsafeArchive(why)
        while position > self._position and self._take(min(position - self._position, SKIP_BYTES)):
            pass
        return self._position

    def drain(self) -> None:
        """Skip to the end, so that the stream's own checksum is looked at."""
        while self._take(min(SKIP_BYTES, self._left + 1)):
            pass

    def _take(self, size: int) -> bytes:
        if size > self._left:
            why = "it unpacks to more bytes than allowed"
            raise UnsafeArchive(why)
        data = self._raw.read(size)
        self._left -= len(data)
        self._position += len(data)
        return data
