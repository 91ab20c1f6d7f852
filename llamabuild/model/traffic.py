"""Which bytes and operations a token costs, from the names and shapes in a header.

Bytes: each weight that takes part is read once for a token, since caches that hold a whole model
are the exception and are dealt with by the bandwidth that is asked for them. Operations: two (a
multiplication and an addition) for each weight of a matrix, as a matrix-vector product has them.
Facts about names are in ``traffic.toml``. Standard library alone: the child process that reads
foreign headers imports this.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from math import prod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .gguf_header import Header, Tensor

KV_BYTES = 2
"""Keys and values are f16 by default (``llama_context_params.type_k``, ``type_v``)."""
MAX_NUMBER = 1 << 62


def traffic(header: Header, architecture: str, layers: int) -> dict[str, object]:
    """Return the fields of :class:`llamabuild.types.inputs.Traffic`."""
    facts = _facts()
    used = [t for t in header.tensors if not _matches(t.name, facts["unused"])]
    share = _expert_share(header, architecture)
    tied = all(tensor.name != facts["output"] for tensor in used)
    output = facts["tied"] if tied else facts["output"]
    last = [f"blk.{layers - 1}.{pattern}" for pattern in facts["last_layer"]]
    read: Counter[str] = Counter()
    work: Counter[str] = Counter()
    once: Counter[str] = Counter()
    for tensor in used:
        part = share if _matches(tensor.name, facts["experts"]) else 1.0
        if tensor.name in facts["lookups"]:
            read[tensor.type_name] += tensor.size // (prod(tensor.shape[1:]) or 1)
            if tensor.name != output:
                continue
        read[tensor.type_name] += round(tensor.size * part)
        if len(tensor.shape) > 1 and tensor.name.endswith(".weight"):
            operations = round(2 * tensor.elements * part)
            work[tensor.type_name] += operations
            if tensor.name == output or _matches(tensor.name, last):
                once[tensor.type_name] += operations
    keys_and_values, queries = _attention(used, header, architecture)
    return {
        "bytes_per_token": _sane(read),
        "operations_per_token": _sane(work),
        "last_token_operations": _sane(once),
        "kv_bytes_per_position": min(MAX_NUMBER, KV_BYTES * keys_and_values),
        "attention_operations_per_position": min(MAX_NUMBER, 4 * queries),
    }


def _expert_share(header: Header, architecture: str) -> float:
    """Return the part of the experts that a token uses."""
    used = header.values.get(f"{architecture}.expert_used_count")
    count = header.values.get(f"{architecture}.expert_count")
    if isinstance(used, int) and isinstance(count, int) and 0 < used <= count:
        return used / count
    return 1.0


def _attention(tensors: Iterable[Tensor], header: Header, architecture: str) -> tuple[int, int]:
    """Return the numbers in the KV cache of one position, and of a query, over all layers.

    A query meets each key and each value: 2 operations for each of its numbers with either. Where
    keys, values and queries come from one matrix, ``attention.head_count`` and
    ``attention.head_count_kv`` divide it.
    """
    heads = header.values.get(f"{architecture}.attention.head_count")
    kv_heads = header.values.get(f"{architecture}.attention.head_count_kv", heads)
    keys_and_values = queries = 0
    for tensor in tensors:
        rows = prod(tensor.shape[1:])
        kind = tensor.name.rpartition(".attn_")[2]
        if kind in {"k.weight", "v.weight", "kv_a_mqa.weight"}:
            keys_and_values += rows
        elif kind in {"q.weight", "q_b.weight"}:
            queries += rows
        elif kind == "qkv.weight" and isinstance(heads, int) and isinstance(kv_heads, int):
            width = rows // max(1, heads + 2 * kv_heads)
            queries += heads * width
            keys_and_values += 2 * kv_heads * width
    return max(0, keys_and_values), max(0, queries)


def _sane(counts: Counter[str]) -> dict[str, int]:
    """Return counts with printable names, none beyond what a number in JSON should be."""
    return {
        "".join(c if c.isprintable() else "?" for c in name): min(number, MAX_NUMBER)
        for name, number in counts.items()
        if number
    }


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


@cache
def _facts() -> dict[str, Any]:
    return tomllib.loads(files("llamabuild.model").joinpath("traffic.toml").read_text("utf-8"))
