"""Bad programs of every kind are refused in one line; a good one becomes a build of the store."""

import platform
import shutil
import struct
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from llamabuild.build import prebuilt
from llamabuild.build.kernel_files import kernel_files
from llamabuild.build.prebuilt import import_prebuilt
from llamabuild.build.prebuilt_elf import read_header
from llamabuild.build.prebuilt_loader import Loaded, complaint, loaded, opened_at_start
from llamabuild.build.prebuilt_staging import stage_host_program
from llamabuild.errors import BadInput, EnvironmentLacks
from llamabuild.machine.extension import load_extension
from llamabuild.store.builds import files_folder, load_build
from llamabuild.variants.prebuilt import prebuilt_variant
from tests.runs import CPU

HERE = msgspec.structs.replace(CPU, architecture=platform.machine())
SHELL = Path("/bin/sh").resolve()
MACHINES = {"x86_64": 62, "aarch64": 183}
HELP = "usage: llama-bench\n -p, --n-prompt\n -n, --n-gen\n -r, --repetitions\n -o, --output"


def take(path, host=None, examine=lambda _: ""):
    return import_prebuilt(prebuilt_variant(f"prebuilt:{path}"), HERE, host, examine)


@pytest.fixture
def program(tmp_path):
    """Return an ELF program that is dynamically linked, as it is on every machine."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    return Path(shutil.copy(SHELL, folder / "llama-bench"))


@pytest.fixture
def helpful(monkeypatch):
    """Let every program answer like a llama-bench."""
    asked = []

    def answer(argv, **options):
        asked.append((argv, options))
        return SimpleNamespace(stdout=HELP, stderr="", ok=True, failure=lambda: "")

    monkeypatch.setattr(prebuilt, "run", answer)
    return asked


def patched(path, old, new):
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))
    return path


def test_text_is_no_program(tmp_path):
    path = tmp_path / "llama-bench"
    path.write_text("#!/bin/sh\nexec real-llama-bench\n")
    with pytest.raises(BadInput, match="'llama-bench' is not an ELF file"):
        take(path)


@pytest.mark.parametrize("size", [4, 20, 70, 1000])
def test_a_program_that_is_cut_off(program, size):
    program.write_bytes(program.read_bytes()[:size])
    with pytest.raises(BadInput, match=r"cut off or damaged|refuses|shared library|fixed place"):
        take(program)


def test_another_architecture_is_named(program):
    other = "aarch64" if platform.machine() == "x86_64" else "x86_64"
    content = bytearray(program.read_bytes())
    struct.pack_into("<H", content, 18, MACHINES[other])
    program.write_bytes(content)
    with pytest.raises(EnvironmentLacks, match=f"for {other}; this machine is {HERE.architecture}"):
        take(program)


def test_a_missing_library_is_named(program):
    patched(program, b"libc.so.6\0", b"libq.so.6\0")
    with pytest.raises(EnvironmentLacks, match=r"needs libq\.so\.6, which is not here"):
        take(program)


def test_a_missing_loader_is_named(program):
    interpreter = read_header(program).interpreter.encode()
    patched(program, interpreter, interpreter[:-1] + b"9")
    with pytest.raises(EnvironmentLacks, match=r"needs the loader ld-.*9, which is not here"):
        take(program)


def test_a_file_that_may_not_be_executed(program):
    program.chmod(0o644)
    with pytest.raises(BadInput, match=r"not executable: chmod \+x it"):
        take(program)


def test_a_program_that_prints_no_such_help_is_no_llama_bench(program):
    with pytest.raises(BadInput, match="'llama-bench' is not a llama-bench"):
        take(program)


def test_a_program_that_dies_of_its_instructions_lacks_something(program, monkeypatch):
    died = SimpleNamespace(stdout="", stderr="", ok=False, failure=lambda: "was ended by SIGILL")
    monkeypatch.setattr(prebuilt, "run", lambda *_, **__: died)
    with pytest.raises(EnvironmentLacks, match="an instruction that this CPU lacks"):
        take(program)


def test_a_folder_with_nothing_in_it(tmp_path):
    with pytest.raises(BadInput, match="neither a llama-bench nor ggml's"):
        take(tmp_path)


def test_libraries_need_a_build_of_ours(tmp_path):
    shutil.copy(SHELL, tmp_path / "libggml-cpu.so.0")
    with pytest.raises(EnvironmentLacks, match="no build of ours"):
        take(tmp_path)


def test_a_program_becomes_a_build(program, helpful):
    found = take(program)
    assert load_build(found.build.id, full=True) == found.build
    assert found.build.plan.steps == ()
    assert (found.prebuilt.kind, found.prebuilt.path) == ("llama-bench", str(program))
    assert (files_folder(found.build.id) / "llama-bench").read_bytes() == program.read_bytes()
    assert "no llama-perplexity beside it" in found.unchecked
    [(_, options)] = helpful
    assert options["closed"]
    assert options["timeout_seconds"] > 0


def test_the_copy_outlives_the_original(program, helpful):
    found = take(program)
    program.write_bytes(b"gone")
    assert load_build(found.build.id, full=True) == found.build


def test_the_same_content_elsewhere_is_the_same_build(program, helpful, tmp_path):
    first = take(program)
    again = take(Path(shutil.copy(program, tmp_path / "renamed")))
    assert again.build.id == first.build.id
    assert (first.cached, again.cached) == (False, True)
    assert len(helpful) == 1


def test_other_content_is_another_build(program, helpful):
    first = take(program)
    with program.open("ab") as file:
        file.write(b"more")
    assert take(program).build.id != first.build.id


def test_backends_that_ggml_opens_by_itself_come_along(program, helpful):
    for name in ("libggml-cpu-haswell.so", "libggml-cpu-x64.so", "libother.so"):
        shutil.copy(SHELL, program.parent / name)
    folder = files_folder(take(program).build.id)
    assert [path.name for path in kernel_files(folder)] == [
        "libggml-cpu-haswell.so",
        "libggml-cpu-x64.so",
    ]
    assert not (folder / "libother.so").exists()


def test_backends_in_a_folder_that_was_compiled_in_come_along(
    program, helpful, tmp_path, monkeypatch
):
    elsewhere = tmp_path / "libexec"
    elsewhere.mkdir()
    for name in ("libggml-cpu-zen4.so", "libggml-cpu-x64.so"):
        shutil.copy(SHELL, elsewhere / name)
    asked = []

    def opened(path, search):
        asked.append(path)
        return (tmp_path / "libother.so", elsewhere / "libggml-cpu-zen4.so")

    monkeypatch.setattr("llamabuild.build.prebuilt_staging.opened_at_start", opened)
    assert kernel_files(files_folder(take(program).build.id))[0].name == "llama-bench"
    assert asked == [], "nothing is missing where ggml is not split"
    shutil.copy(SHELL, program.parent / "libggml-base.so")
    folder = files_folder(take(program).build.id)
    assert [path.name for path in kernel_files(folder)] == [
        "libggml-cpu-x64.so",
        "libggml-cpu-zen4.so",
    ]
    assert asked == [program]


def test_what_a_program_opens_by_itself_is_seen(tmp_path):
    library = tmp_path / "libggml-cpu-any.so"
    source = 'import ctypes; ctypes.CDLL("' + str(library) + '")'
    shutil.copy(load_extension().__file__, library)
    script = tmp_path / "program"
    script.write_text(f"#!{sys.executable}\n{source}\n")
    script.chmod(0o755)
    assert library in opened_at_start(script, "")
    assert opened_at_start(Path("/bin/true"), "") == ()


def test_a_loader_without_backends_is_not_taken_for_the_kernels(tmp_path):
    for name in ("llama-bench", "libggml.so.0", "libggml-base.so.0", "libllama.so.0"):
        (tmp_path / name).touch()
    assert kernel_files(tmp_path) == ()
    (tmp_path / "libggml-base.so.0").unlink()
    assert [path.name for path in kernel_files(tmp_path)] == ["libggml.so.0"]


def test_nothing_runs_before_its_machine_code_was_looked_at(program, helpful):
    seen = []

    def refuse(paths):
        seen.extend(path.name for path in paths)
        return "uses avx512f, which this CPU lacks"

    with pytest.raises(EnvironmentLacks, match="uses avx512f, which this CPU lacks"):
        take(program, examine=refuse)
    assert seen == ["llama-bench"]
    assert helpful == []


def test_a_perplexity_beside_it_comes_along(program, helpful):
    shutil.copy(program, program.parent / "llama-perplexity")
    found = take(program)
    assert found.unchecked == ""
    assert (files_folder(found.build.id) / "llama-perplexity").is_file()


def test_a_perplexity_that_cannot_run_is_no_reason_to_refuse(program, helpful):
    (program.parent / "llama-perplexity").write_text("text")
    found = take(program)
    assert "cannot be used" in found.unchecked
    assert not (files_folder(found.build.id) / "llama-perplexity").exists()


def test_the_loader_is_asked_without_running_the_program(program, tmp_path):
    answer = loaded(program, read_header(program).interpreter)
    assert "libc.so.6" in answer.libraries
    assert answer.absent == answer.undefined == ()


def test_a_program_that_names_another_program_as_its_loader(program):
    with pytest.raises(BadInput, match="names 'sh' as its loader"):
        loaded(program, "/bin/sh")


def test_the_loader_s_answer_is_read(monkeypatch, tmp_path):
    (loader := tmp_path / "ld-linux-x86-64.so.2").touch()
    finished = SimpleNamespace(
        ok=True,
        stdout="\tlibggml.so.0 => /a b/libggml.so.0 (0x0000abc0)\n\tlibcuda.so.1 => not found\n"
        f"\t{loader} (0x00007f)\n",
        stderr="x: /lib/libc.so.6: version `GLIBC_9.9' not found (required by x)\n"
        "undefined symbol: llama_new_thing\t(x)\nundefined symbol: llama_other\t(x)\n",
    )
    monkeypatch.setattr("llamabuild.build.prebuilt_loader.run", lambda *_, **__: finished)
    answer = loaded(tmp_path / "x", str(loader))
    assert answer.libraries == {"libggml.so.0": Path("/a b/libggml.so.0")}
    assert complaint(answer) == "needs libcuda.so.1, which is not here"
    assert complaint(answer._replace(absent=())).startswith("needs GLIBC_9.9")
    assert "the symbol llama_new_thing and 1 more" in complaint(
        answer._replace(absent=(), versions=())
    )


def test_libraries_bring_what_they_need_beside_them(program, tmp_path, monkeypatch):
    origin, staged = tmp_path / "origin", tmp_path / "staged"
    for folder in (origin, staged):
        folder.mkdir()
    for name in ("libopenblas.so.0", "libgfortran.so.5"):
        (origin / name).write_text(name)
    needs = {"llama-bench": "libopenblas.so.0", "libopenblas.so.0": "libgfortran.so.5"}

    def asked(path, *_, **__):
        here = {each.name for each in path.parent.iterdir()}
        absent = tuple(need for who, need in needs.items() if who in here and need not in here)
        return Loaded(libraries={}, absent=absent, versions=(), undefined=())

    monkeypatch.setattr("llamabuild.build.prebuilt_staging.loaded", asked)
    stage = partial(stage_host_program, program.parent, "llama-bench", staged, HERE.architecture)
    assert "needs libopenblas.so.0, which is not here" in stage()
    assert list(staged.iterdir()) == []
    assert stage(origin) == ""
    assert (staged / "libgfortran.so.5").read_text() == "libgfortran.so.5"
    (origin / "libgfortran.so.5").unlink()
    for path in staged.iterdir():
        path.unlink()
    assert "needs libgfortran.so.5" in stage(origin)
    assert list(staged.iterdir()) == [], "nothing is left of a try that failed"
