"""Profiles in the cache: published whole, verified before use, listed and cleaned."""

import json
import os
import time

import pytest
from click.testing import CliRunner

from llamabuild.build.profile_keys import find_profile, profile_key, program_key
from llamabuild.cli.cache import cache
from llamabuild.errors import GateFailed
from llamabuild.store.paths import cache_dir
from llamabuild.store.profiles import (
    data_digest,
    load_profile,
    profile_data,
    profile_folder,
    publish_profile,
)
from llamabuild.store.usage import mark_used
from llamabuild.types.build import Profile

MODEL = "b" * 64


def stored(
    program="0123456789abcdef", model=MODEL, content="counters", files=("a.gcda",), **changes
):
    """Publish a profile."""
    staged = cache_dir("work", "staged")
    (staged / "data").mkdir()
    for name in files:
        (staged / "data" / name).write_text(content)
    values = {
        "key": profile_key(program, model),
        "kind": "gcc",
        "sha256": data_digest(staged / "data"),
        "functions": 10,
        "trained": 4,
        "training": ("llama-bench -t 1",),
        "model": "SmolLM2 Q4_1",
        "model_sha256": model,
        "size_bytes": len(content),
    }
    profile = Profile(**values | changes)
    publish_profile(profile, staged)
    return profile


def test_a_profile_is_published_and_read_back():
    profile = stored()
    assert load_profile(profile.key) == profile
    assert not (cache_dir("work") / "staged").exists()
    newer = stored(content="other counters")
    assert newer.sha256 != profile.sha256
    assert load_profile(profile.key) == newer
    assert list(cache_dir("scratch").iterdir()) == []


def spoil_data(key):
    (profile_data(key) / "a.gcda").write_text("cOunters")


def spoil_name(key):
    (profile_data(key) / "a.gcda").rename(profile_data(key) / "b.gcda")


def lose_data(key):
    (profile_data(key) / "a.gcda").unlink()


def add_data(key):
    (profile_data(key) / "more.gcda").write_text("")


def spoil_manifest(key):
    (profile_folder(key) / "manifest.json").write_text("{")


@pytest.mark.parametrize("spoil", [spoil_data, spoil_name, lose_data, add_data, spoil_manifest])
def test_a_damaged_profile_is_none(spoil):
    profile = stored()
    spoil(profile.key)
    assert load_profile(profile.key) is None
    assert find_profile("0123456789abcdef", MODEL) is None


def test_a_profile_under_another_s_key_is_none():
    """As after a copy by hand: made from another source, compiler or model than its key says."""
    profile = stored()
    profile_folder(profile.key).rename(profile_folder("fedcba9876543210-bbbbbbbb"))
    assert load_profile("fedcba9876543210-bbbbbbbb") is None


def test_a_model_with_the_same_first_digits_is_another_model():
    stored()
    assert find_profile("0123456789abcdef", MODEL) is not None
    assert find_profile("0123456789abcdef", MODEL[:-1] + "c") is None
    assert find_profile("fedcba9876543210", MODEL) is None


def test_without_a_model_the_profile_used_last_is_found():
    first, second = stored(), stored(model="c" * 64)
    then = time.time() - 1000
    for profile in (first, second):
        os.utime(profile_folder(profile.key), (then, then))
    mark_used(profile_folder(first.key))
    assert find_profile("0123456789abcdef", "") == first
    assert find_profile("fedcba9876543210", "") is None


def test_a_key_covers_program_and_training(monkeypatch):
    before = program_key("build", "/tree")
    assert len({before, program_key("other", "/tree"), program_key("build", "/other")}) == 3
    monkeypatch.setattr("llamabuild.build.profile_keys.training_digest", lambda: "other training")
    assert program_key("build", "/tree") != before


def call(*arguments):
    done = CliRunner().invoke(cache, arguments)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_cache_lists_profiles():
    profile = stored()
    listed = json.loads(call("list", "--json").stdout)
    assert [entry["name"] for entry in listed["profiles"]] == [f"profiles/{profile.key}"]
    assert listed["bytes"]["profiles"] > 0
    assert profile.key in call("list").stdout


def test_verify_finds_a_damaged_profile_and_gc_removes_it():
    good, bad = stored(), stored(model="c" * 64)
    assert "0 builds and 2 profiles" in call("verify").stdout
    spoil_data(bad.key)
    with pytest.raises(GateFailed, match=f"1 of 2 profiles are damaged: {bad.key}"):
        call("verify")
    call("gc", "--profiles")
    assert not profile_folder(bad.key).exists()
    assert load_profile(good.key) == good


def test_gc_removes_profiles_that_were_not_used():
    profile = stored()
    then = time.time() - 40 * 86_400
    os.utime(profile_folder(profile.key), (then, then))
    call("gc", "--builds")
    assert load_profile(profile.key) is not None
    mark_used(profile_folder(profile.key))
    call("gc", "--profiles")
    assert load_profile(profile.key) is not None
    call("gc", "--profiles", "--older-than", "0")
    assert load_profile(profile.key) is None
