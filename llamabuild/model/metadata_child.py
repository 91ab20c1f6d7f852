"""The process that reads one foreign header: ``python -m llamabuild.model.metadata_child PATH``.

It takes limits on memory and time before it opens the file, and prints one JSON object:
``{"error": "..."}`` or the fields of :class:`~llamabuild.model.metadata.GgufMetadata`.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections import Counter
from typing import TYPE_CHECKING

from .ggml_types import file_types
from .gguf_header import read_header
from .gguf_stream import BadGguf
from .traffic import traffic

if TYPE_CHECKING:
    from .gguf_header import Header

MEMORY_BYTES = 2 << 30
CPU_SECONDS = 20
MAX_TEXT = 200
MAX_NUMBER = 1 << 40
GUESSED = 1024
"""Bit of ``general.file_type`` that says that the type was inferred."""
SEED_KEY = "llamabuild.synthetic.seed"
"""Marks the files with random weights that this program writes."""


def main() -> None:
    """Read the file that the first argument names."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        with open(sys.argv[1], "rb", buffering=1 << 20) as stream:  # noqa: PTH123 (fewer imports)
            answer = described(read_header(stream, os.fstat(stream.fileno()).st_size))
    except BadGguf as error:
        answer = {"error": _text(str(error))}
    except MemoryError:
        answer = {"error": "its header needs more memory than is allowed"}
    except OSError as error:
        answer = {"error": f"it cannot be read ({error.strerror})"}
    json.dump(answer, sys.stdout)


def described(header: Header) -> dict[str, object]:
    """Return what matters of a header; every text short and printable, every number sane.

    Raises:
        BadGguf: It has no architecture, or a number is none.
    """
    architecture = header.values.get("general.architecture")
    if not isinstance(architecture, str) or not architecture:
        why = "it does not say its architecture"
        raise BadGguf(why)
    stored: Counter[str] = Counter()
    for tensor in header.tensors:
        stored[_text(tensor.type_name)] += tensor.size
    tokens = _number(header, "tokenizer.ggml.tokens")
    layers = _number(header, f"{architecture}.block_count")
    return {
        "architecture": _text(architecture),
        "name": _text(str(header.values.get("general.name") or "")),
        "quantization": _quantization(header, stored),
        "parameters": sum(tensor.elements for tensor in header.tensors),
        "layers": layers,
        "embedding_length": _number(header, f"{architecture}.embedding_length"),
        "context_length": _number(header, f"{architecture}.context_length"),
        "vocabulary": tokens or _number(header, f"{architecture}.vocab_size"),
        "tensors": len(header.tensors),
        "tensor_bytes": dict(stored),
        "parts": _number(header, "split.count") or 1,
        "synthetic": SEED_KEY in header.values,
        "traffic": traffic(header, architecture, layers),
    }


def _quantization(header: Header, stored: Counter[str]) -> str:
    """The file type's name; the type of most bytes where the file does not say it."""
    number = header.values.get("general.file_type")
    if isinstance(number, int) and (name := file_types().get(number & ~GUESSED)):
        return name
    return stored.most_common(1)[0][0] if stored else "unknown"


def _number(header: Header, key: str) -> int:
    value = header.values.get(key, 0)
    if not isinstance(value, int) or not 0 <= value < MAX_NUMBER:
        why = f"'{key:.80}' is not a number that can be right"
        raise BadGguf(why)
    return value


def _text(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)[:MAX_TEXT]


if __name__ == "__main__":
    main()
