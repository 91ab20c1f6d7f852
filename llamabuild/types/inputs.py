"""What goes in: sources and models."""

from __future__ import annotations

from .base import Data


class Source(Data, frozen=True, kw_only=True):
    """A verified llama.cpp tree."""

    spec: str
    """As the user named it: ``pypi:NAME==VERSION``, ``git:URL@REF`` or ``path:DIR``."""
    version: str
    """Version, commit or ``working tree``."""
    digest: str
    """SHA-256 of the tree's file names, modes and content."""
    archive_sha256: str
    """SHA-256 of the downloaded archive; empty for a folder or a repository."""
    tree: str
    """The folder with llama.cpp's ``CMakeLists.txt``; meaningful on this machine alone."""
    ggml_version: str = ""


class Traffic(Data, frozen=True, kw_only=True):
    """What a token costs a model: by tensor type where it says so, else over all layers.

    A generated token at depth ``d`` reads ``sum(bytes_per_token) + d * kv_bytes_per_position``
    bytes and needs ``sum(operations_per_token) + d * attention_operations_per_position``
    operations, a multiplication and an addition being two.
    """

    bytes_per_token: dict[str, int]
    """Weights that a generated token reads: all but unused experts and rows of embeddings."""
    operations_per_token: dict[str, int]
    """Two for each weight of a matrix that is multiplied."""
    last_token_operations: dict[str, int]
    """The part of them that a prompt needs for its last token only: logits, last layer."""
    kv_bytes_per_position: int
    """Bytes of the KV cache (f16) that hold one position; 0 where the header does not tell."""
    attention_operations_per_position: int
    """Of one token with one position; arithmetic in floats."""


class Model(Data, frozen=True, kw_only=True):
    """A GGUF file."""

    spec: str
    path: str
    """Meaningful on this machine alone."""
    sha256: str
    size_bytes: int
    architecture: str
    name: str
    quantization: str
    """As the file type says, such as ``Q4_1``."""
    parameters: int
    layers: int
    embedding_length: int
    context_length: int
    vocabulary: int
    synthetic: bool
    """Random weights: right for speed, meaningless for quality."""
    traffic: Traffic | None = None
    """None in runs that were stored before it was read."""
    tensor_bytes: dict[str, int] = {}
    """By tensor type, such as ``Q6_K``; empty in runs that were stored before it was read."""

    @property
    def bits_per_weight(self) -> float:
        """Bits of the file for each weight."""
        return 8 * self.size_bytes / self.parameters if self.parameters else 0.0
