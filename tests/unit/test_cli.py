"""The command line: one clear line and an exit code for what is wrong, help for every command."""

import errno
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from llamabuild.cli import COMMANDS, main
from llamabuild.store.results import Results
from tests.runs import make_run


@pytest.fixture
def llamabuild(monkeypatch, capsys, tmp_path):
    """Call the program as the shell would, in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["llamabuild", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return SimpleNamespace(
            returncode=ended.value.code, stdout=captured.out, stderr=captured.err
        )

    return call


@pytest.mark.parametrize("command", [*COMMANDS, "cache list", "cache verify", "cache gc"])
def test_every_command_has_help(llamabuild, command):
    result = llamabuild(*command.split(), "--help")
    assert result.returncode == 0
    assert "Usage: llamabuild" in result.stdout
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["varants"], 2, "unknown command 'varants': did you mean 'variants'?"),
        (["variants", "nativ"], 2, "unknown variant 'nativ': did you mean 'native'?"),
        (["variants", "--model", "/nowhere.gguf"], 2, "/nowhere.gguf"),
        (["variants", "--workloads", "pp,tx"], 2, "unknown workload 'tx': known: pp, tg"),
        (["variants", "--workloads", "pp512,", "--dry-run"], 2, "unknown workload ''"),
        (["bench", "--workloads", "tg0"], 2, "workload 'tg0' has no tokens"),
        (["variants", "--source", "pypi:x"], 2, "pypi:"),
        (["variants", "--source", "path:/nowhere"], 2, "/nowhere"),
        (["variants", "--blocks", "0"], 2, "--blocks"),
        (["variants", "--variants-dir", "/nowhere"], 2, "/nowhere"),
        (["variants", "--resume", "1999"], 2, "not in the store"),
        (["variants", "--baseline", "sve"], 5, "cannot run here"),
        (["show", "avx5"], 2, "did you mean 'avx512'?"),
        (["show"], 2, "Missing argument"),
        (["inspect", "/etc/hostname"], 2, "hostname"),
        (["inspect", "no-such-thing"], 2, "neither a file nor a variant"),
        (["inspect", sys.executable, "--require", "avx3"], 2, "avx3"),
        (["report"], 2, "no run yet"),
        (["report", "latest", "--format", "docx"], 2, "docx"),
        (["plan", "--source", "path:."], 2, "llama.cpp"),
    ],
)
def test_bad_input_gets_one_line_and_its_exit_code(llamabuild, arguments, code, says):
    result = llamabuild(*arguments)
    assert (result.returncode, result.stdout) == (code, "")
    assert says in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("option", ["--workloads=ppp", "--model=hf:nothing"])
@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_wrong_names_are_said_before_anything_is_fetched(llamabuild, monkeypatch, option, more):
    for module in ("story", "builds"):
        monkeypatch.setattr(f"llamabuild.pipeline.{module}.resolve_source", None)
    assert llamabuild("variants", option, *more).returncode == 2


def test_a_broken_variant_file_is_named_with_its_line(llamabuild, tmp_path):
    (tmp_path / "variants").mkdir()
    (tmp_path / "variants" / "mine.toml").write_text('description = "x"\nextends = = "y"\n')
    result = llamabuild("list")
    assert result.returncode == 2
    assert "mine.toml" in result.stderr
    assert "line 2" in result.stderr


def test_list_and_show_as_json(llamabuild):
    listed = json.loads(llamabuild("list", "--json").stdout)["variants"]
    assert {"generic", "avx2", "native"} <= {entry["name"] for entry in listed}
    assert all(entry["runs_here"] or entry["reason"] for entry in listed)
    shown = json.loads(llamabuild("show", "native", "--json").stdout)
    assert shown["cmake"] == {"GGML_NATIVE": "ON"}
    assert shown["commands"][0].startswith("cmake -S llama.cpp")


def test_show_says_where_each_value_comes_from(llamabuild):
    text = llamabuild("show", "avx512").stdout
    assert 'cmake.GGML_AVX2 = "ON"  (avx2.toml)' in text
    assert 'cmake.GGML_AVX512 = "ON"  (avx512.toml)' in text


def test_show_names_every_file_that_added_flags(llamabuild, tmp_path):
    (tmp_path / "variants").mkdir()
    text = 'extends = "native-o3"\ndescription = "x"\nflags.c = ["-fno-plt"]\n'
    (tmp_path / "variants" / "mine.toml").write_text(text)
    shown = llamabuild("show", "mine").stdout
    assert '"-fno-plt"]  (native-o3.toml, variants/mine.toml)' in shown


def shown(llamabuild, name, *options):
    return json.loads(llamabuild("show", name, *options, "--json").stdout)


def test_show_of_a_prebuilt_program_has_nothing_to_build(llamabuild, tmp_path):
    program = tmp_path / "llama-bench"
    program.touch()
    found = shown(llamabuild, f"prebuilt:{program}")
    assert found["commands"] == []
    assert found["run"] == f"{program} -m MODEL.gguf"
    assert "cmake" not in llamabuild("show", f"prebuilt:{program}").stdout


def test_show_gives_the_commands_for_a_tree_that_is_known(llamabuild):
    fork = shown(llamabuild, "ik")
    assert any("ik-llama-cpp-python==0.1.5" in command for command in fork["tree"])
    assert [command.split()[0] for command in fork["commands"]] == ["sh", "cmake", "cmake"]
    assert "-DLLAMA_BUILD_EXAMPLES=ON" in fork["commands"][1]
    assert fork["notes"] == shown(llamabuild, "native")["notes"] == []


def test_show_says_what_an_unknown_tree_may_need(llamabuild):
    other = shown(llamabuild, "native", "--source", "path:/somewhere")
    assert other["tree"] == []
    assert "-DLLAMA_BUILD_EXAMPLES=ON" in " ".join(other["notes"])
    assert "-DLLAMA_BUILD_EXAMPLES=OFF" in other["commands"][0]


def test_show_links_an_allocator(llamabuild):
    configure = shown(llamabuild, "mimalloc-linked")["commands"][0]
    assert "CMAKE_EXE_LINKER_FLAGS=-Wl,--push-state,--no-as-needed -l:libmimalloc.so" in configure
    assert "-l:" not in shown(llamabuild, "mimalloc")["commands"][0]


def test_show_names_our_own_allocator_by_its_path(llamabuild, monkeypatch, tmp_path):
    library = tmp_path / "libhugealloc.so"
    library.touch()
    monkeypatch.setattr("llamabuild.machine.allocators._beside_us", lambda file: [library])
    assert f"LD_PRELOAD={library} " in shown(llamabuild, "hugealloc")["run"]
    configure = shown(llamabuild, "hugealloc-linked")["commands"][0]
    assert f" {library} -Wl,-rpath,{tmp_path} " in configure


def test_a_closed_pipe_is_no_error():
    command = f"{sys.executable} -m llamabuild list | true"
    result = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.ENOSPC, "No space left on device: free some space"),
        (errno.EROFS, "Read-only file system: set LLAMABUILD_CACHE"),
        (errno.EACCES, "Permission denied: set LLAMABUILD_CACHE"),
    ],
)
def test_what_the_disk_refuses_is_no_failed_gate(llamabuild, monkeypatch, number, says):
    def refuse(_path, **_options):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("llamabuild.inspect.inspect_file", refuse, raising=False)
    result = llamabuild("inspect", sys.executable)
    assert (result.returncode, result.stdout) == (5, "")
    assert result.stderr.startswith(f"llamabuild: {says}")
    assert len(result.stderr.splitlines()) == 1


def test_a_lock_that_cannot_be_opened_names_its_file(llamabuild, monkeypatch, tmp_path):
    (tmp_path / "cache" / "locks" / "cache-in-use").mkdir(parents=True)
    monkeypatch.setenv("LLAMABUILD_CACHE", str(tmp_path / "cache"))
    result = llamabuild("cache", "gc")
    assert result.returncode == 5
    assert "cache/locks/cache-in-use: Is a directory" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def in_shell(pipeline):
    return subprocess.run(
        ["bash", "-c", pipeline], capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_output_to_a_full_disk_ends_with_its_code():
    result = in_shell(f"{sys.executable} -m llamabuild list > /dev/full")
    assert result.returncode == 5
    assert "No space left on device" in result.stderr
    assert len(result.stderr.splitlines()) == 1


GATE = """
import sys
from llamabuild import inspect
from llamabuild.cli import main
from tests.unit.test_inspect_cli import FOUND
inspect.inspect_file = lambda *_, **__: (FOUND,) * 5000  # more than a pipe holds
sys.argv = ["llamabuild", "inspect", sys.executable, "--json", "--require", sys.argv[1]]
main()
"""


@pytest.mark.parametrize(("group", "code"), [("avx512f", 1), ("avx2", 0)])
@pytest.mark.parametrize("reader", ["true", "head -c1", "cat"])
def test_a_gate_has_its_verdict_whoever_reads(group, code, reader):
    program = f"{sys.executable} -c {shlex.quote(GATE)} {group}"
    root = shlex.quote(str(Path(__file__).parents[2]))
    result = in_shell(f"cd {root}; {program} | {reader} > /dev/null; exit ${{PIPESTATUS[0]}}")
    assert result.returncode == code
    assert "Traceback" not in result.stderr
    assert "BrokenPipe" not in result.stderr
    assert ("1 of 1 expectations failed" in result.stderr) == bool(code)


def test_a_complete_run_is_not_resumed(llamabuild):
    with Results.open() as results:
        results.save_run(make_run(run_id="20261122-000000-0000"))
        done = make_run(run_id="20261122-000001-0001")
        results.save_run(
            type(done)(**{f: getattr(done, f) for f in done.__struct_fields__} | {"status": "done"})
        )
    result = llamabuild("variants", "--resume", "latest")
    assert result.returncode == 2
    assert "is complete" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["avx2", "native"], "VARIANT"),
        (["--blocks", "3", "--model", "x.gguf"], "--model, --blocks"),
        (["--quick"], "--quick"),
        (["--dry-run"], "--dry-run"),
        (["--variants-dir", "."], "--variants-dir"),
        (["--workloads", ""], "--workloads"),
    ],
)
def test_what_a_resumed_run_would_not_heed_is_refused(llamabuild, arguments, named):
    result = llamabuild("variants", "--resume", "latest", *arguments)
    assert result.returncode == 2
    assert f"llamabuild: {named} cannot be used with --resume" in result.stderr


@pytest.mark.parametrize("command", ["variants", "bench"])
def test_how_to_report_may_be_said_anew_of_a_resumed_run(llamabuild, tmp_path, command):
    with Results.open() as results:
        results.save_run(make_run())
    result = llamabuild(command, "--resume", "latest", "--json", "--output", str(tmp_path))
    assert "another machine (Test CPU)" in result.stderr


def test_a_run_of_another_machine_is_not_resumed(llamabuild):
    with Results.open() as results:
        results.save_run(make_run())
    result = llamabuild("variants", "--resume", "latest")
    assert result.returncode == 2
    assert "another machine (Test CPU)" in result.stderr
