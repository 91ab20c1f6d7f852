from __future__ import annotations

import io
import os
import re
import struct
import subprocess
import sys

import gguf
import numpy as np
import pytest

from llamabuild.errors import BadInput
from llamabuild.model.gguf_header import read_header
from llamabuild.model.gguf_stream import BadGguf
from llamabuild.model.metadata import read_metadata

U32, STRING, ARRAY, U64 = 4, 8, 9, 10


def text(value):
    data = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<Q", len(data)) + data


def key(name, kind, payload):
    return text(name) + struct.pack("<I", kind) + payload


def tensor(name, shape, kind=0, offset=0):
    dimensions = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
    return text(name) + dimensions + struct.pack("<IQ", kind, offset)


def header(keys=(), tensors=(), *, version=3, n_keys=None, n_tensors=None, magic=b"GGUF"):
    n_keys = len(keys) if n_keys is None else n_keys
    n_tensors = len(tensors) if n_tensors is None else n_tensors
    start = magic + struct.pack("<IQQ", version, n_tensors, n_keys)
    return start + b"".join(keys) + b"".join(tensors)


ARCHITECTURE = key("general.architecture", STRING, text("llama"))


def padded(data, more):
    return data + bytes(-len(data) % 32 + more)


def refusal(data):
    """What the reader says of a file with this content, in this process."""
    with pytest.raises(BadGguf) as caught:
        read_header(io.BytesIO(data), len(data))
    return str(caught.value)


HUGE = (1 << 63) - 1
HOSTILE = {
    "empty": (b"", "letters GGUF"),
    "bad magic": (header(magic=b"GGML"), "letters GGUF"),
    "magic only": (b"GGUF", "ends inside the header"),
    "version 1": (header(version=1), "version 1"),
    "version 99": (header(version=99), "version 99"),
    "big endian": (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "big-endian"),
    "2^60 keys": (header(n_keys=1 << 60), "keys, more than"),
    "2^60 tensors": (header(n_tensors=1 << 60), "tensors, more than"),
    "keys missing": (header([ARCHITECTURE], n_keys=2) + bytes(12), "claims|ends"),
    "key name of 2^63": (
        header([struct.pack("<Q", 1 << 63)], n_keys=1) + bytes(64),
        "ends inside key 1 of 1",
    ),
    "value of 2^63": (
        header([key("a", STRING, struct.pack("<Q", 1 << 63))]),
        "ends inside key 'a'",
    ),
    "array of 2^60 numbers": (
        header([key("a", ARRAY, struct.pack("<IQ", U32, 1 << 60))]),
        "numbers, more than",
    ),
    "array of 2^60 strings": (
        header([key("a", ARRAY, struct.pack("<IQ", STRING, 1 << 60))]),
        "strings, more than",
    ),
    "array whose size wraps": (
        header([key("a", ARRAY, struct.pack("<IQ", U64, (1 << 61) + 1))]),
        "numbers, more than",
    ),
    "array of arrays": (
        header([key("a", ARRAY, struct.pack("<IQ", ARRAY, 1))]) + bytes(64),
        "array of the unknown type 9",
    ),
    "unknown value type": (header([key("a", 99, b"")]) + bytes(64), "unknown type 99"),
    "the same key twice": (header([ARCHITECTURE, ARCHITECTURE]), "twice"),
    "the same tensor twice": (
        padded(header([], [tensor("t", [8]), tensor("t", [8])]), 64),
        "twice",
    ),
    "too many dimensions": (
        header([], [text("t") + struct.pack("<I", 1 << 30) + bytes(64)]),
        "dimensions",
    ),
    "a shape that overflows": (
        padded(header([], [tensor("t", [1 << 32, 1 << 32])]), 64),
        "impossible shape",
    ),
    "a shape of nothing": (padded(header([], [tensor("t", [0])]), 64), "impossible shape"),
    "rows that do not divide": (padded(header([], [tensor("t", [33], 2)]), 64), "Q4_0 blocks"),
    "data cut short": (
        padded(header([ARCHITECTURE], [tensor("big.weight", [1024])]), 4095),
        r"file ends before tensor 'big.weight'",
    ),
    "data far away": (
        padded(header([], [tensor("t", [8], 0, 1 << 62)]), 64),
        "file ends before tensor",
    ),
    "data not aligned": (padded(header([], [tensor("t", [8], 0, 3)]), 64), "not aligned"),
    "alignment zero": (
        header([key("general.alignment", U32, struct.pack("<I", 0))]),
        "power of two",
    ),
    "alignment of text": (header([key("general.alignment", STRING, text("x"))]), "power of two"),
}


@pytest.mark.parametrize(("data", "said"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_header_is_refused_with_a_reason(data, said):
    assert re.search(said, refusal(data)), refusal(data)


def real_file(path):
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("a name\n<b>")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_block_count(3)
    writer.add_embedding_length(64)
    writer.add_context_length(512)
    writer.add_token_list(["a", "b", "c"])
    writer.add_tensor("x", np.ones((4, 64), dtype=np.float16))
    quantized = gguf.quants.quantize(np.ones((2, 64), np.float32), gguf.GGMLQuantizationType.Q8_0)
    writer.add_tensor("y", quantized, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_an_honest_file_is_described(tmp_path):
    metadata = read_metadata(real_file(tmp_path / "m.gguf"))
    assert metadata.architecture == "llama"
    assert metadata.name == "a name?<b>"
    assert metadata.quantization == "Q8_0"
    assert (metadata.layers, metadata.embedding_length) == (3, 64)
    assert (metadata.context_length, metadata.vocabulary) == (512, 3)
    assert metadata.parameters == 4 * 64 + 2 * 64
    assert metadata.tensor_bytes == {"F16": 512, "Q8_0": 2 * 2 * 34}
    assert not metadata.synthetic


def test_every_truncation_is_found(tmp_path):
    """Cut anywhere: refused, and never with anything but our own error."""
    whole = real_file(tmp_path / "m.gguf").read_bytes()
    last_tensor_end = max(i for i in range(len(whole)) if whole[i]) + 1
    for size in range(last_tensor_end):
        with pytest.raises(BadGguf):
            read_header(io.BytesIO(whole[:size]), size)


def test_every_flipped_byte_is_survived(tmp_path):
    whole = real_file(tmp_path / "m.gguf").read_bytes()
    for index in range(min(len(whole), 600)):
        for bits in (0xFF, 0x80, 0x01):
            flipped = bytearray(whole)
            flipped[index] ^= bits
            try:
                read_header(io.BytesIO(bytes(flipped)), len(flipped))
            except BadGguf:
                continue


def test_the_child_gives_one_clear_line(tmp_path):
    file = tmp_path / "m.gguf"
    file.write_bytes(header([ARCHITECTURE], n_keys=1 << 60))
    with pytest.raises(BadInput, match=r"m\.gguf' is no usable GGUF file: it claims") as caught:
        read_metadata(file)
    assert "\n" not in str(caught.value)


def test_a_file_without_an_architecture_is_refused(tmp_path):
    file = tmp_path / "m.gguf"
    file.write_bytes(header())
    with pytest.raises(BadInput, match="does not say its architecture"):
        read_metadata(file)


def test_numbers_that_are_none_are_refused(tmp_path):
    file = tmp_path / "m.gguf"
    file.write_bytes(header([ARCHITECTURE, key("llama.block_count", STRING, text("many"))]))
    with pytest.raises(BadInput, match=r"'llama\.block_count' is not a number"):
        read_metadata(file)


def test_what_is_not_a_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "nowhere"):
        with pytest.raises(BadInput, match="is not a file"):
            read_metadata(path)


def test_the_child_holds_its_memory_limit(tmp_path):
    """A file that would fill the memory if its claims were followed stays cheap to refuse."""
    file = tmp_path / "m.gguf"
    names = b"".join(
        text(b"k" * 60_000 + str(i).encode()) + struct.pack("<IB", 7, 1) for i in range(50)
    )
    file.write_bytes(header([ARCHITECTURE, names], n_keys=51))
    assert read_metadata(file).architecture == "llama"
    with file.open("r+b") as sparse:
        sparse.truncate(64 << 30)
    assert read_metadata(file).architecture == "llama"


def test_the_child_imports_nothing_heavy():
    code = (
        "import sys, llamabuild.model.metadata_child;"
        "print(*sorted({'numpy', 'gguf', 'msgspec', 'psutil'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == ""


def test_modules_of_the_working_directory_are_not_imported(tmp_path, monkeypatch):
    file = real_file(tmp_path / "m.gguf")
    (tmp_path / "json.py").write_text("raise SystemExit('hijacked')")
    monkeypatch.chdir(tmp_path)
    assert read_metadata(file).layers == 3


def test_parts_are_counted(tmp_path):
    file = tmp_path / "m.gguf"
    file.write_bytes(header([ARCHITECTURE, key("split.count", 2, struct.pack("<H", 3))]))
    assert read_metadata(file).parts == 3
