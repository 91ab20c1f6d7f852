from __future__ import annotations

import errno
import hashlib
import io
import os
import shutil
import struct
import tracemalloc
import types

import gguf
import numpy as np
import pytest

from llamabuild.errors import BadInput, EnvironmentLacks
from llamabuild.model import expected_model, resolve, resolve_model, synthetic, synthetic_file
from llamabuild.model.presets import Preset
from llamabuild.model.synthetic_file import write_synthetic
from llamabuild.model.weights import CHUNK_VALUES, SIGMA, RandomTensor, TensorShape
from llamabuild.store.paths import cache_dir

SMALL = Preset(
    layers=2,
    width=64,
    feed_forward=128,
    heads=4,
    kv_heads=2,
    context=512,
    rope_base=10000.0,
    tied=False,
)


def nothing(_value):
    pass


@pytest.fixture
def tree(tmp_path):
    """A source tree with a small vocabulary."""
    (tmp_path / "tree/models").mkdir(parents=True)
    writer = gguf.GGUFWriter(tmp_path / "tree/models/ggml-vocab-llama-spm.gguf", "llama")
    writer.add_tokenizer_model("llama")
    writer.add_token_list([f"t{i}" for i in range(100)])
    writer.add_token_scores([float(i) for i in range(100)])
    writer.add_token_types([1] * 100)
    writer.add_bos_token_id(1)
    writer.add_add_bos_token(True)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    return tmp_path / "tree"


@pytest.fixture
def vocabulary(tree):
    return tree / synthetic.VOCABULARY


def written(path, vocabulary, **changes):
    arguments = {"seed": 1, "on_fraction": nothing, **changes}
    write_synthetic(path, "small", SMALL, vocabulary, **arguments)
    return path


def values(tensor, seed=1):
    stream = io.BytesIO()
    RandomTensor(tensor, seed, nothing).tofile(stream)
    return np.frombuffer(stream.getvalue(), dtype=tensor.dtype)


def test_the_file_is_read_back_by_the_gguf_package(tmp_path, vocabulary):
    fractions = []
    path = written(tmp_path / "m.gguf", vocabulary, on_fraction=fractions.append)
    reader = gguf.GGUFReader(path)
    assert reader.get_field("llama.block_count").contents() == 2
    assert reader.get_field("tokenizer.ggml.tokens").contents(7) == "t7"
    assert reader.get_field("tokenizer.ggml.add_bos_token").contents() is True
    assert reader.get_field("tokenizer.ggml.scores").contents(9) == 9.0
    tensors = {t.name: t for t in reader.tensors}
    assert len(tensors) == 3 + 2 * 9
    assert tensors["blk.1.attn_k.weight"].data.shape == (32, 64)
    assert tensors["blk.0.ffn_down.weight"].data.shape == (64, 128)
    assert (tensors["output_norm.weight"].data == 1).all()
    weights = tensors["token_embd.weight"].data.astype(np.float64)
    assert weights.shape == (100, 64)
    assert weights.std() == pytest.approx(SIGMA, rel=0.05)
    assert abs(weights.mean()) < SIGMA / 20
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


def test_the_seed_gives_the_bytes(tmp_path, vocabulary):
    one, same, other = (
        written(tmp_path / name, vocabulary, seed=seed).read_bytes()
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert one == same
    assert one != other


def test_weights_depend_on_name_and_seed_alone():
    a = TensorShape("a", (8, 64))
    assert (values(a) == values(TensorShape("a", (4, 128)))).all()
    assert (values(a) != values(TensorShape("b", (8, 64)))).any()
    assert (values(a) != values(a, seed=2)).any()


def test_weights_stay_what_they_were():
    """A change of this value means other models under the same name: count FORMAT up."""
    digest = hashlib.sha256(values(TensorShape("blk.0.attn_q.weight", (64, 64))).tobytes())
    assert digest.hexdigest()[:16] == "f71ae0bd307cf93a"


def test_chunks_do_not_show(monkeypatch):
    tensor = TensorShape("a", (3, 1000))
    whole = values(tensor)
    monkeypatch.setattr("llamabuild.model.weights.CHUNK_VALUES", 700)
    assert (values(tensor) == whole).all()


def test_a_large_tensor_is_streamed(tmp_path):
    """64 MB of weights pass through a few megabytes of memory."""
    tensor = TensorShape("a", (32, CHUNK_VALUES))
    with (tmp_path / "out").open("wb") as out:
        tracemalloc.start()
        RandomTensor(tensor, 1, nothing).tofile(out)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert (tmp_path / "out").stat().st_size == tensor.nbytes == 64 << 20
    assert peak < 16 << 20


def test_a_model_is_made_once_and_said_to_be_synthetic(tree):
    said = []
    first = resolve_model("synthetic:tiny", vocabulary_tree=tree, on_progress=said.append)
    assert first.synthetic
    assert (first.quantization, first.layers, first.vocabulary) == ("F16", 2, 100)
    assert said[-1].endswith("100 %")
    assert resolve_model("synthetic:tiny", vocabulary_tree=tree, on_progress=said.append) == first
    assert said[-1].endswith("100 %")
    by_path = resolve_model(first.path)
    assert by_path.synthetic
    assert by_path.sha256 == first.sha256


class Quantizer:
    def __init__(self):
        self.asked = []

    def __call__(self, full, target, kind):
        self.asked.append(kind)
        shutil.copyfile(full, target)


def test_a_quantized_model_is_made_from_the_full_one(tree):
    quantize = Quantizer()
    for _ in range(2):
        model = resolve_model("synthetic:tiny:q4_0", quantize=quantize, vocabulary_tree=tree)
        assert model.path.endswith("-Q4_0.gguf")
    assert quantize.asked == ["Q4_0"]
    resolve_model("synthetic:tiny:q8_0", quantize=quantize, vocabulary_tree=tree)
    assert quantize.asked == ["Q4_0", "Q8_0"]
    assert len(list(cache_dir("models").glob("*.gguf"))) == 3
    assert list(cache_dir("scratch").iterdir()) == []


def test_a_model_that_is_not_made_is_told_by_its_shape(tree, monkeypatch):
    here = types.SimpleNamespace(tree=str(tree))
    monkeypatch.setattr(resolve, "resolve_source", lambda **_: here)
    expected = expected_model("synthetic:tiny:q8_0")
    assert (expected.path, expected.sha256, expected.synthetic) == ("", "", True)
    assert list(cache_dir("models").iterdir()) == []
    made = resolve_model("synthetic:tiny", vocabulary_tree=tree)
    assert expected_model("synthetic:tiny") == made
    assert (expected.layers, expected.embedding_length) == (made.layers, made.embedding_length)
    assert 0.5 < 8 * expected.size_bytes / expected.parameters / 16 < 0.6


def test_without_a_quantizer_the_remedy_is_said(tree):
    with pytest.raises(BadInput, match="take synthetic:tiny:F16"):
        resolve_model("synthetic:tiny:q4_0", vocabulary_tree=tree)


def test_a_failed_quantization_leaves_nothing(tree):
    def broken(_full, target, _kind):
        target.write_bytes(b"half")
        message = "llama-quantize crashed"
        raise EnvironmentLacks(message)

    with pytest.raises(EnvironmentLacks, match="crashed"):
        resolve_model("synthetic:tiny:q4_0", quantize=broken, vocabulary_tree=tree)
    assert [p.name for p in cache_dir("models").glob("*Q4_0*")] == []
    assert list(cache_dir("scratch").iterdir()) == []


def cut(path):
    os.truncate(path, 10_000)


def flip(path):
    with path.open("r+b") as file:
        file.seek(-100_000, os.SEEK_END)
        file.write(bytes(64))


@pytest.mark.parametrize("damage", [cut, flip])
def test_a_damaged_model_is_made_again(tree, damage, tmp_path):
    first = resolve_model("synthetic:tiny", vocabulary_tree=tree)
    damage(tmp_path / first.path)
    assert resolve_model("synthetic:tiny", vocabulary_tree=tree).sha256 == first.sha256


def test_another_quantizers_file_is_accepted_after_damage(tree, tmp_path):
    def other(full, target, _kind):
        shutil.copyfile(full, target)
        flip(target)

    first = resolve_model("synthetic:tiny:q4_0", quantize=Quantizer(), vocabulary_tree=tree)
    (tmp_path / first.path).write_bytes(b"gone")
    asked = []
    for _ in range(2):
        model = resolve_model(
            "synthetic:tiny:q4_0",
            quantize=lambda *a: asked.append(a) or other(*a),
            vocabulary_tree=tree,
        )
    assert len(asked) == 1
    assert model.sha256 != first.sha256


def test_disk_space_is_asked_for_first(tree, monkeypatch):
    usage = shutil.disk_usage("/")._replace(free=1000)
    monkeypatch.setattr(synthetic.shutil, "disk_usage", lambda _path: usage)
    with pytest.raises(EnvironmentLacks, match=r"llama-2-7b:Q4_K_M needs 18\.\d GB"):
        resolve_model("synthetic:llama-2-7b:Q4_K_M", vocabulary_tree=tree)


def test_a_full_disk_is_one_clear_line(tree, monkeypatch):
    def full(*_arguments, **_keywords):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(synthetic, "write_synthetic", full)
    with pytest.raises(EnvironmentLacks, match="disk is full"):
        resolve_model("synthetic:tiny", vocabulary_tree=tree)
    assert list(cache_dir("scratch").iterdir()) == []


def test_a_tree_without_the_vocabulary_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"ggml-vocab-llama-spm\.gguf"):
        resolve_model("synthetic:tiny", vocabulary_tree=tmp_path)


def test_a_vocabulary_alone_is_no_model(vocabulary):
    with pytest.raises(BadInput, match="only a vocabulary"):
        resolve_model(str(vocabulary))


def test_a_broken_vocabulary_is_refused(tree, vocabulary):
    vocabulary.write_bytes(b"GGUF")
    with pytest.raises(BadInput, match="vocabulary"):
        resolve_model("synthetic:tiny", vocabulary_tree=tree)


def test_a_vocabulary_that_would_fill_the_memory_is_never_given_to_the_reader(
    tree, vocabulary, monkeypatch
):
    """A sparse file whose one array has 100 million items; the reader keeps an object for each."""
    items = 100_000_000
    head = b"GGUF" + struct.pack("<IQQ", 3, 0, 2)
    head += struct.pack("<Q", 20) + b"general.architecture" + struct.pack("<IQ", 8, 5) + b"llama"
    head += struct.pack("<Q", 6) + b"padded" + struct.pack("<IIQ", 9, 0, items)
    with vocabulary.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + items)
    monkeypatch.setattr(synthetic_file, "GGUFReader", None)
    with pytest.raises(BadInput, match=r"vocabulary .* has 1000000\d\d bytes"):
        resolve_model("synthetic:tiny", vocabulary_tree=tree)


def test_a_vocabulary_that_lies_is_found_out_by_our_own_reader(tree, vocabulary, monkeypatch):
    text = vocabulary.read_bytes()
    place = text.index(b"tokenizer.ggml.tokens") + len(b"tokenizer.ggml.tokens") + 8
    vocabulary.write_bytes(text[:place] + struct.pack("<Q", 1 << 40) + text[place + 8 :])
    monkeypatch.setattr(synthetic_file, "GGUFReader", None)
    with pytest.raises(BadInput, match=r"vocabulary .* more than the file can hold"):
        resolve_model("synthetic:tiny", vocabulary_tree=tree)


@pytest.mark.parametrize("raised", [MemoryError, TypeError, AttributeError, ValueError, IndexError])
def test_whatever_the_reader_raises_is_one_clear_line(tree, monkeypatch, raised):
    def reader(_path):
        raise raised

    monkeypatch.setattr(synthetic_file, "GGUFReader", reader)
    with pytest.raises(BadInput, match=f"cannot be read .*{raised.__name__}"):
        resolve_model("synthetic:tiny", vocabulary_tree=tree)


def test_an_empty_list_of_a_vocabulary_is_left_out(tmp_path, vocabulary):
    text = vocabulary.read_bytes()
    keys = struct.unpack_from("<Q", text, 16)[0]
    empty = struct.pack("<Q", 21) + b"tokenizer.ggml.merges" + struct.pack("<IIQ", 9, 8, 0)
    vocabulary.write_bytes(text[:16] + struct.pack("<Q", keys + 1) + empty + text[24:])
    reader = gguf.GGUFReader(written(tmp_path / "m.gguf", vocabulary))
    assert reader.get_field("tokenizer.ggml.merges") is None
    assert reader.get_field("tokenizer.ggml.tokens").contents(7) == "t7"
