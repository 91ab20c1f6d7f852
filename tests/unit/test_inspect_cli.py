"""The command: what it prints, and how it ends."""

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from llamabuild import inspect
from llamabuild.build import lookup
from llamabuild.cli.inspect import command
from llamabuild.errors import BadInput, GateFailed
from llamabuild.types.inspection import FunctionIsa, Inspection
from llamabuild.types.variant import Expectation

DOT = FunctionIsa(
    name="ggml_vec_dot",
    address=16,
    size=40,
    instructions=10,
    vector=8,
    groups={"avx2": 6, "fma": 2},
)
EVIL = FunctionIsa(name="x\x1b[2J", address=64, size=8, instructions=2, vector=1, groups={"avx": 1})
FOUND = Inspection(
    file="libggml-cpu.so",
    architecture="x86_64",
    instructions=12,
    vector=9,
    highest="avx2",
    groups={"avx": 1, "fma": 2, "avx2": 6},
    functions=(DOT, EVIL),
    stripped=False,
)


@pytest.fixture
def library(tmp_path, monkeypatch):
    path = tmp_path / "libggml-cpu.so"
    path.touch()
    monkeypatch.setattr(inspect, "inspect_file", lambda _, **__: (FOUND,), raising=False)
    return str(path)


def run(*arguments):
    return CliRunner().invoke(command, arguments)


def test_json_of_one_file(library):
    result = run(library, "--json")
    document = json.loads(result.stdout)
    assert result.exit_code == 0
    assert document["file"] == "libggml-cpu.so"
    assert document["groups"] == {"avx": 1, "fma": 2, "avx2": 6}
    assert document["functions"][0] == {
        "name": "ggml_vec_dot",
        "address": 16,
        "size": 40,
        "instructions": 10,
        "vector": 8,
        "groups": {"avx2": 6, "fma": 2},
    }
    assert document["verdict"] == "unchecked"


def test_a_glob_selects_functions(library):
    document = json.loads(run(library, "--json", "--function", "ggml_*").stdout)
    assert [f["name"] for f in document["functions"]] == ["ggml_vec_dot"]


def test_several_files_are_a_list(library, monkeypatch):
    monkeypatch.setattr(inspect, "inspect_file", lambda _, **__: (FOUND, FOUND), raising=False)
    document = json.loads(run(library, "--json").stdout)
    assert [f["file"] for f in document["files"]] == ["libggml-cpu.so"] * 2


def test_what_is_expected_and_there_passes(library):
    result = run(library, "--require", "avx2,fma", "--forbid", "avx512f")
    assert result.exit_code == 0
    assert "passed: * has avx2, fma and has no avx512f" in result.stdout


def test_what_is_missing_fails_and_is_named(library):
    result = run(library, "--json", "--require", "avx2,avx512f", "--forbid", "fma")
    assert isinstance(result.exception, GateFailed)
    assert str(result.exception) == f"{library}: 1 of 1 expectations failed"
    document = json.loads(result.stdout)
    assert document["verdict"] == "failed"
    assert document["expectations"][0]["reason"] == (
        "libggml-cpu.so: no avx512f instruction; libggml-cpu.so: 2 fma instructions in 'ggml_vec_dot'"
    )
    assert document["expectations"][0]["missing"] == ["avx512f"]
    assert document["expectations"][0]["present"] == {"fma": "ggml_vec_dot"}


def test_a_misspelt_group_is_refused_before_the_work(library):
    result = run(library, "--require", "avx3")
    assert isinstance(result.exception, BadInput)
    assert "did you mean" in str(result.exception)


def test_the_text_is_aligned_and_tame(library):
    result = run(library)
    assert "highest       avx2" in result.stdout
    assert "vector        9 (75%)" in result.stdout
    assert "       8    80%            10  avx2     ggml_vec_dot" in result.stdout
    assert "\x1b" not in result.stdout


def test_functions_that_match_nothing_are_said(library):
    assert "no function matches 'nope*'" in run(library, "--function", "nope*").stdout


def test_members_that_were_left_out_are_named(library, monkeypatch):
    def inspected(_path, on_skip):
        on_skip("x.whl(a\x1b.so)", "it is damaged")
        return (FOUND,)

    monkeypatch.setattr(inspect, "inspect_file", inspected, raising=False)
    assert "skipped: x.whl(a\N{REPLACEMENT CHARACTER}.so): it is damaged" in run(library).stdout
    document = json.loads(run(library, "--json").stdout)
    assert document["skipped"] == [{"file": "x.whl(a\x1b.so)", "reason": "it is damaged"}]


def test_a_variant_brings_its_expectations(library, monkeypatch):
    own = (Expectation(binary="libggml-cpu*", require=("avx512f",)),)
    monkeypatch.setattr(lookup, "built_variant", lambda *_, **__: ((Path(library),), own))
    result = run("avx512")
    assert isinstance(result.exception, GateFailed)
    assert str(result.exception) == "avx512: 1 of 1 expectations failed"
    assert result.stdout.count("failed: libggml-cpu.so: no avx512f instruction") == 1


def test_neither_file_nor_variant():
    result = run("no-such-thing")
    assert isinstance(result.exception, BadInput)
    assert "no-such-thing" in str(result.exception)
    assert isinstance(run("x" * 5000).exception, BadInput)


def test_options_of_a_variant_are_handed_on(library, monkeypatch, tmp_path):
    asked = {}

    def built(name, **options):
        asked.update(options, name=name)
        return (Path(library),), ()

    monkeypatch.setattr(lookup, "built_variant", built)
    assert run("mine", "--variants-dir", str(tmp_path), "--source", "path:x").exit_code == 0
    del asked["on_progress"]
    assert asked == {"name": "mine", "variants_dirs": (tmp_path,), "source": "path:x"}


def test_options_of_a_variant_say_nothing_about_a_file(library):
    result = run(library, "--source", "path:x")
    assert (result.exit_code, result.stdout) == (click.UsageError.exit_code, "")
    assert "are for a variant" in result.stderr


def test_a_file_is_inspected_without_what_only_a_variant_needs():
    code = (
        "import sys; from llamabuild.cli import main; sys.argv[1:] = ['inspect', sys.executable]\n"
        "try: main()\n"
        "except SystemExit as end: assert end.code == 0\n"
        "needless = {'llamabuild.build', 'llamabuild.source.resolve', 'pandas', 'scipy', 'rich'}\n"
        "print(sorted(needless & set(sys.modules)), file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stderr.strip() == "[]"
