from __future__ import annotations

import pytest

from llamabuild.errors import BadInput
from llamabuild.source.pins import load_pins, pin_for
from llamabuild.source.spec import GitSpec, PathSpec, PypiSpec, parse_source

SHA = "ab" * 32


def test_an_index_source_is_normalised():
    assert parse_source("pypi:Llama_CPP.Python==0.3.36") == PypiSpec(
        name="llama-cpp-python", version="0.3.36"
    )
    assert parse_source(f"pypi:x==1#sha256={SHA.upper()}") == PypiSpec(
        name="x", version="1", sha256=SHA
    )


@pytest.mark.parametrize(
    ("spec", "url", "ref"),
    [
        ("git:https://host/a/b@master", "https://host/a/b", "master"),
        ("git:git@host:a/b.git@v1.2", "git@host:a/b.git", "v1.2"),
        ("git:ssh://me@host/a/b@feature/x", "ssh://me@host/a/b", "feature/x"),
        ("git:file:///tmp/r@b1234", "file:///tmp/r", "b1234"),
    ],
)
def test_a_repository_and_its_ref_are_told_apart(spec, url, ref):
    parsed = parse_source(spec)
    assert parsed == GitSpec(url=url, ref=ref)
    assert str(parsed) == spec


def test_only_a_full_hash_is_a_commit():
    assert GitSpec(url="https://h/r", ref="a" * 40).is_commit
    assert not GitSpec(url="https://h/r", ref="a" * 12).is_commit


def test_a_folder_is_kept_as_named():
    assert parse_source("path:../llama.cpp") == PathSpec(folder="../llama.cpp")


@pytest.mark.parametrize(
    "spec",
    [
        "pypi:llama-cpp-python",
        "pypi:llama-cpp-python==",
        "pypi:==1",
        "pypi:-r==1",
        "pypi:name; print==1",
        "pypi:x==1 --index-url=evil",
        "pypi:x==1\n--index-url evil",
        "pypi:x==1#sha256=123",
        "pypi:x==1#md5=" + "a" * 32,
        "git:https://host/a/b",
        "git:git@host:a/b",
        "git:https://host/a/b@",
        "git:https://host/a/b@-upload-pack=x",
        "git:https://host/a/b@a..b",
        "git:ext::sh -c touch@master",
        "git:--upload-pack=x@master",
        "git:http://host/a@master",
        "git:/local/folder@master",
        "path:",
        "path:a\0b",
        "",
        "master",
    ],
)
def test_what_is_no_source_is_refused_with_an_example(spec):
    with pytest.raises(BadInput, match=r"pypi:|git:|path:"):
        parse_source(spec)


def test_a_near_miss_gets_a_hint(tmp_path):
    with pytest.raises(BadInput, match="did you mean 'pypi'"):
        parse_source("pypy:x==1")
    with pytest.raises(BadInput, match="did you mean 'path:"):
        parse_source(str(tmp_path))


def test_the_default_is_pinned():
    default = parse_source(load_pins().default)
    assert isinstance(default, PypiSpec)
    pin = pin_for(default.name, default.version)
    assert pin is not None
    assert len(pin.sha256) == 64
    assert pin_for(default.name, "0.0.1") is None
