"""Writes a synthetic model as an F16 GGUF file, tensor after tensor."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, cast

from gguf import GGUFReader, GGUFValueType, GGUFWriter, LlamaFileType

from llamabuild.errors import BadInput

from .metadata import read_metadata
from .metadata_child import SEED_KEY
from .weights import RandomTensor, tensor_shapes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .presets import Preset

TOKENIZER = "tokenizer."
TOKENS = "tokenizer.ggml.tokens"
NORM_EPSILON = 1e-5
VOCABULARY_BYTES = 4 << 20
"""The real one has 724 kB; the reader takes some hundred bytes of memory for each."""
READER_ERRORS = (
    *(OSError, ValueError, LookupError, TypeError, AttributeError),
    *(MemoryError, OverflowError),
)
"""What the gguf package's reader raises on files that are not what they say."""
REMEDY = "verify the source tree"


def write_synthetic(
    path: Path,
    name: str,
    preset: Preset,
    vocabulary: Path,
    *,
    seed: int,
    on_fraction: Callable[[float], None],
) -> None:
    """Write the file; the same arguments (and numpy's generator) give the same bytes.

    Args:
        path: Written anew.
        name: What ``general.name`` says.
        preset: The model's shape.
        vocabulary: A GGUF file of llama.cpp's whose tokenizer is copied.
        seed: Of the weights.
        on_fraction: Told the part that is written, from 0 to 1.

    Raises:
        BadInput: The vocabulary file holds no tokenizer.
    """
    if sys.byteorder != "little":
        message = "synthetic models cannot be written on a big-endian machine"
        raise BadInput(message)
    writer = GGUFWriter(path, "llama")
    try:
        tokens = _copy_tokenizer(vocabulary, writer)
        _describe(writer, name, preset, tokens, seed)
        shapes = list(tensor_shapes(preset, tokens))
        for tensor in shapes:
            writer.add_tensor_info(tensor.name, tensor.shape, tensor.dtype, tensor.nbytes)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        total, written = sum(t.nbytes for t in shapes), 0

        def on_bytes(more: int) -> None:
            nonlocal written
            written += more
            on_fraction(written / total)

        for tensor in shapes:
            writer.write_tensor_data(cast("Any", RandomTensor(tensor, seed, on_bytes)))
    finally:
        writer.close()


def f16_bytes(preset: Preset, tokens: int) -> int:
    """Return about how many bytes the file will have."""
    return sum(tensor.nbytes for tensor in tensor_shapes(preset, tokens))


def _describe(writer: GGUFWriter, name: str, preset: Preset, tokens: int, seed: int) -> None:
    writer.add_name(name)
    writer.add_file_type(LlamaFileType.MOSTLY_F16)
    writer.add_uint64(SEED_KEY, seed)
    writer.add_block_count(preset.layers)
    writer.add_context_length(preset.context)
    writer.add_embedding_length(preset.width)
    writer.add_feed_forward_length(preset.feed_forward)
    writer.add_head_count(preset.heads)
    writer.add_head_count_kv(preset.kv_heads)
    writer.add_layer_norm_rms_eps(NORM_EPSILON)
    writer.add_rope_dimension_count(preset.head_width)
    writer.add_rope_freq_base(preset.rope_base)
    writer.add_vocab_size(tokens)


def _copy_tokenizer(vocabulary: Path, writer: GGUFWriter) -> int:
    """Copy every tokenizer key and return the number of tokens.

    The gguf package's reader believes what a file says of itself, and keeps objects for every item
    of an array: it sees only files that are small and that our own bounded reader found sound.
    """
    _check_vocabulary(vocabulary)
    tokens = 0
    try:
        for field in GGUFReader(vocabulary).fields.values():
            if not field.name.startswith(TOKENIZER):
                continue
            kind, inner = field.types[0], field.types[-1]
            if kind is GGUFValueType.ARRAY and not field.data:
                continue  # says nothing, and the writer refuses it
            item = inner if kind is GGUFValueType.ARRAY else None
            writer.add_key_value(field.name, field.contents(), kind, sub_type=item)
            if field.name == TOKENS:
                tokens = len(field.data)
    except READER_ERRORS as error:
        raise _unreadable(vocabulary, str(error) or type(error).__name__) from error
    if not tokens:
        message = f"the vocabulary {vocabulary} holds no tokens"
        raise BadInput(message, REMEDY)
    return tokens


def _check_vocabulary(vocabulary: Path) -> None:
    if (size := vocabulary.stat().st_size) > VOCABULARY_BYTES:
        why = f"it has {size} bytes, a vocabulary less than {VOCABULARY_BYTES}"
        raise _unreadable(vocabulary, why)
    try:
        read_metadata(vocabulary)
    except BadInput as error:
        raise _unreadable(vocabulary, error.message) from error


def _unreadable(vocabulary: Path, why: str) -> BadInput:
    message = f"the vocabulary {vocabulary} cannot be read ({why})"
    return BadInput(message, REMEDY)
