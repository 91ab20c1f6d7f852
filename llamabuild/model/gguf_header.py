"""Reads what a GGUF file says about itself and checks it against the file's size.

Own code and not the gguf package's reader, because that one maps the whole file (no limit on the
address space can hold then), keeps an object for every token, and follows a claimed array length
past the end of the file. Format: docs/gguf.md of the ggml project.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import IO, TYPE_CHECKING

from .ggml_types import tensor_types
from .gguf_stream import BadGguf, GgufStream

if TYPE_CHECKING:
    from .gguf_stream import Value

MAGIC = b"GGUF"
VERSIONS = (2, 3)
MAX_KEYS = 1 << 16
MAX_TENSORS = 1 << 18
MAX_DIMENSIONS = 4
MAX_ELEMENTS = 1 << 62
DEFAULT_ALIGNMENT = 32
SMALLEST_KEY = 8 + 4 + 1
SMALLEST_TENSOR = 8 + 4 + 4 + 8


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor's place and size."""

    name: str
    type_name: str
    shape: tuple[int, ...]
    """Weights in a row first."""
    elements: int
    offset: int
    """Bytes from the start of the data part."""
    size: int
    """Bytes; 0 if the type is unknown."""


@dataclass(slots=True)
class Header:
    """Everything before the data."""

    values: dict[str, Value] = field(default_factory=dict)
    """Scalars and strings by key; the length for an array."""
    tensors: list[Tensor] = field(default_factory=list)


def read_header(stream: IO[bytes], size: int) -> Header:
    """Read the header of a file of ``size`` bytes.

    Raises:
        BadGguf: It is damaged, cut short, hostile, or of a version or byte order not supported.
    """
    gguf = GgufStream(stream, size)
    _check_start(gguf, stream)
    tensors = gguf.count("Q", "tensors", smallest=SMALLEST_TENSOR, limit=MAX_TENSORS)
    keys = gguf.count("Q", "keys", smallest=SMALLEST_KEY, limit=MAX_KEYS)
    header = Header()
    for index in range(keys):
        gguf.reading = f"key {index + 1} of {keys}"
        key = gguf.string()
        gguf.reading = f"key '{key:.80}'"
        if key in header.values:
            why = f"{gguf.reading} is there twice"
            raise BadGguf(why)
        header.values[key] = gguf.value(int(gguf.scalar("I")))
    names: set[str] = set()
    for index in range(tensors):
        gguf.reading = f"the description of tensor {index + 1} of {tensors}"
        tensor = _tensor(gguf)
        if tensor.name in names:
            why = f"tensor '{tensor.name:.80}' is there twice"
            raise BadGguf(why)
        names.add(tensor.name)
        header.tensors.append(tensor)
    _check_data(header, gguf.position, size)
    return header


def _check_start(gguf: GgufStream, stream: IO[bytes]) -> None:
    if stream.read(len(MAGIC)) != MAGIC:
        why = "it does not begin with the letters GGUF"
        raise BadGguf(why)
    gguf.position = len(MAGIC)
    version = int(gguf.scalar("I"))
    if version and not version & 0xFFFF:
        why = "it is a big-endian file"
        raise BadGguf(why)
    if version not in VERSIONS:
        why = f"it is of GGUF version {version}; versions 2 and 3 are supported"
        raise BadGguf(why)


def _tensor(gguf: GgufStream) -> Tensor:
    name = gguf.string()
    gguf.reading = f"the description of tensor '{name:.80}'"
    dimensions = gguf.count("I", "dimensions", smallest=8, limit=MAX_DIMENSIONS)
    shape = tuple(int(gguf.scalar("Q")) for _ in range(dimensions))
    number = int(gguf.scalar("I"))
    offset = int(gguf.scalar("Q"))
    elements = prod(shape)
    if not shape or not 0 < elements < MAX_ELEMENTS:
        why = f"tensor '{name:.80}' has the impossible shape {list(shape)}"
        raise BadGguf(why)
    known = tensor_types().get(number)
    if known is None:
        return Tensor(name, f"type {number}", shape, elements, offset, 0)
    if shape[0] % known.block:
        what = f"rows of {shape[0]} weights, no whole number of {known.name} blocks"
        why = f"tensor '{name:.80}' has {what}"
        raise BadGguf(why)
    size = elements // known.block * known.bytes
    return Tensor(name, known.name, shape, elements, offset, size)


def _check_data(header: Header, position: int, size: int) -> None:
    """Make sure that each tensor's data lies inside the file."""
    alignment = header.values.get("general.alignment", DEFAULT_ALIGNMENT)
    if not isinstance(alignment, int) or alignment < 1 or alignment & (alignment - 1):
        why = f"its alignment {alignment} is not a power of two"
        raise BadGguf(why)
    start = -(-position // alignment) * alignment
    for tensor in header.tensors:
        if tensor.offset % alignment:
            why = f"the data of tensor '{tensor.name:.80}' is not aligned"
            raise BadGguf(why)
        end = start + tensor.offset + tensor.size
        if end > size:
            why = (
                f"the file ends before tensor '{tensor.name:.80}' does"
                f" ({size} of at least {end} bytes)"
            )
            raise BadGguf(why)
