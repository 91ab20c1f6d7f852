"""Which tensors a llama-architecture model has, and random values for them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from math import prod
from typing import IO, TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .presets import Preset

SIGMA = 0.02
"""Standard deviation of the weights: what transformers are initialised with."""
CHUNK_VALUES = 1 << 20


@dataclass(frozen=True, slots=True)
class TensorShape:
    """One tensor of the file."""

    name: str
    shape: tuple[int, ...]
    """Rows, columns; a vector has one dimension."""

    @property
    def dtype(self) -> np.dtype[np.float16] | np.dtype[np.float32]:
        """Matrices are half precision, vectors single, as llama.cpp's converter has it."""
        return np.dtype("<f2") if len(self.shape) > 1 else np.dtype("<f4")

    @property
    def nbytes(self) -> int:
        """Bytes in the file."""
        return prod(self.shape) * self.dtype.itemsize


def tensor_shapes(preset: Preset, vocabulary: int) -> Iterator[TensorShape]:
    """Yield all tensors in the order of the file.

    Args:
        preset: The model's shape.
        vocabulary: Tokens.
    """
    width, ff = preset.width, preset.feed_forward
    kv_width = preset.kv_heads * preset.head_width
    yield TensorShape("token_embd.weight", (vocabulary, width))
    if not preset.tied:
        yield TensorShape("output.weight", (vocabulary, width))
    yield TensorShape("output_norm.weight", (width,))
    for layer in range(preset.layers):
        for name, shape in (
            ("attn_norm", (width,)),
            ("attn_q", (width, width)),
            ("attn_k", (kv_width, width)),
            ("attn_v", (kv_width, width)),
            ("attn_output", (width, width)),
            ("ffn_norm", (width,)),
            ("ffn_gate", (ff, width)),
            ("ffn_up", (ff, width)),
            ("ffn_down", (width, ff)),
        ):
            yield TensorShape(f"blk.{layer}.{name}.weight", shape)


class RandomTensor:
    """Values of one tensor, made while they are written; at most some megabytes exist at once.

    It stands in for an array where ``gguf.GGUFWriter`` only asks for ``nbytes`` and ``tofile``.
    Matrices are normal with :data:`SIGMA`, vectors (the norms) are ones. The generator is seeded
    with the seed and the tensor's name, so values do not depend on the order of tensors.

    Args:
        tensor: Name and shape.
        seed: Of the whole model.
        on_bytes: Told how many bytes were written, again and again.
    """

    def __init__(self, tensor: TensorShape, seed: int, on_bytes: Callable[[int], None]) -> None:
        self._tensor = tensor
        self._seed = seed
        self._on_bytes = on_bytes
        self.nbytes = tensor.nbytes

    def tofile(self, stream: IO[bytes]) -> None:
        """Write all values, row after row, little-endian."""
        for chunk in self._chunks():
            stream.write(chunk.astype(self._tensor.dtype).tobytes())
            self._on_bytes(chunk.size * self._tensor.dtype.itemsize)

    def _chunks(self) -> Iterator[np.ndarray[tuple[int], np.dtype[np.float32]]]:
        if len(self._tensor.shape) == 1:
            yield np.ones(self._tensor.shape[0], dtype=np.float32)
            return
        key = hashlib.sha256(f"{self._seed}/{self._tensor.name}".encode()).digest()
        generator = np.random.Generator(np.random.PCG64(int.from_bytes(key, "little")))
        left = prod(self._tensor.shape)
        while left:
            values = generator.standard_normal(min(left, CHUNK_VALUES), dtype=np.float32)
            values *= np.float32(SIGMA)
            yield values
            left -= values.size
