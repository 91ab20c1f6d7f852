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
