"""``prebuilt:PATH`` on real builds: taken from anywhere, run as copies, refused where they can't."""

import json
import shutil
import subprocess
from pathlib import Path

import msgspec

from llamabuild.interrupts import Interrupts
from llamabuild.machine.cpu import detect_cpu
from llamabuild.pipeline.observer import Observer
from llamabuild.pipeline.prebuilt import import_all
from llamabuild.store.builds import files_folder, load_build
from llamabuild.types.run import Arm
from llamabuild.variants.prebuilt import BESIDE_IT, prebuilt_variant

NO_AVX = ("sse2", "sse3", "ssse3", "sse41", "sse42")
HELPFUL = """
#include <stdio.h>
#include <string.h>
__attribute__((target("avx2"))) int ggml_vec_dot_made_up(const int *x) {
  int sum = 0;
  for (int i = 0; i < 4096; i++) sum += x[i] * x[i];
  return sum;
}
int main(int argc, char **argv) {
  static int x[4096];
  memset(x, argc, sizeof x);
  if (argc > 2) return ggml_vec_dot_made_up(x);
  puts("--n-prompt --n-gen --repetitions --output");
  return 0;
}
"""


def take(path, host, cpu=None):
    """Import as a run does; ``host`` is the folder of files of the baseline's build."""
    variant = prebuilt_variant(f"prebuilt:{path}")
    baseline = Arm(name="avx2", status="pending", reason="", build=load_build(host.parent.name))
    arm = Arm(name=variant.name, status="pending", reason="", variant=variant)
    arms = [baseline, arm]
    return import_all(arms, "avx2", cpu or detect_cpu(), Observer(), Interrupts())[1]


def starts(arm, program):
    """Start a program of an imported arm as a trial would, with no other help."""
    return subprocess.run(
        [files_folder(arm.build.id) / program, "--help"],
        env=BESIDE_IT,
        capture_output=True,
        text=True,
        check=False,
    )


def compiled(source, target, *flags):
    subprocess.run(
        ["cc", "-x", "c", "-", "-o", target, *flags], input=source, text=True, check=True
    )
    return target


def libraries(built, name, folder):
    """Copy ggml's and llama's libraries, links included, as a package would have them."""
    folder.mkdir()
    for pattern in ("libggml*.so*", "libllama.so*"):
        for path in built[name].glob(pattern):
            shutil.copy(path, folder, follow_symlinks=False)
    return folder


def test_a_llama_bench_without_simd_says_what_it_is_missing(built):
    arm = take(built["generic"] / "llama-bench", built["avx2"])
    assert arm.status == "pending", arm.reason
    assert {"avx2", "fma"} <= set(arm.prebuilt.missing)
    assert [i.highest for i in arm.inspections] == ["sse2"]
    assert "n-prompt" in starts(arm, "llama-bench").stdout
    assert arm.equivalence.reason == ""


def test_the_copies_are_what_runs_wherever_the_libraries_were(built, tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    shutil.copytree(built["avx2"], tmp_path / "lib", symlinks=True)
    program = shutil.move(tmp_path / "lib" / "llama-bench", tmp_path / "bin")
    assert take(program, built["avx2"]).reason.startswith("'llama-bench' needs libllama")
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path / "lib"))
    arm = take(program, built["avx2"])
    assert arm.status == "pending", arm.reason
    monkeypatch.delenv("LD_LIBRARY_PATH")
    shutil.rmtree(tmp_path / "lib")
    assert "n-prompt" in starts(arm, "llama-bench").stdout


def test_our_perplexity_checks_a_program_that_came_without(built, tmp_path):
    shutil.copytree(built["generic"], tmp_path / "theirs", symlinks=True)
    for path in (tmp_path / "theirs").glob("*perplexity*"):
        path.unlink()
    arm = take(tmp_path / "theirs", built["avx2"])
    assert arm.equivalence.reason == ""
    finished = starts(arm, "llama-perplexity")
    assert "perplexity" in finished.stdout, finished.stderr
    borrowed = files_folder(arm.build.id) / "host" / "libggml-cpu.so.0"
    assert borrowed.resolve().parent == files_folder(arm.build.id)


def test_libraries_run_with_our_llama_bench(built, tmp_path):
    arm = take(libraries(built, "generic", tmp_path / "theirs"), built["avx2"])
    assert (arm.status, arm.prebuilt.kind) == ("pending", "libraries"), arm.reason
    assert "avx2" in arm.prebuilt.missing
    assert "n-prompt" in starts(arm, "llama-bench").stdout
    assert arm.equivalence.reason == ""


def test_libraries_of_another_interface_are_refused_by_the_symbol(built, tmp_path):
    folder = libraries(built, "generic", tmp_path / "theirs")
    for path in folder.glob("libllama.so*"):
        path.unlink()
    compiled("", folder / "libllama.so.0", "-shared", "-Wl,-soname,libllama.so.0")
    arm = take(folder, built["avx2"])
    assert arm.status == "unsupported"
    assert "our llama-bench does not fit these libraries: it needs the symbol llama_" in arm.reason


def test_code_that_this_cpu_lacks_is_found_before_it_runs(built):
    old = msgspec.structs.replace(detect_cpu(), features=NO_AVX)
    arm = take(built["avx2"], built["avx2"], old)
    assert arm.status == "unsupported"
    assert arm.reason.startswith("uses bmi2, avx, f16c, fma, avx2 (in ")
    assert arm.build is None


def test_a_program_that_dies_of_an_illegal_instruction(built, tmp_path):
    program = compiled("int main(void) { __builtin_trap(); }", tmp_path / "llama-bench")
    arm = take(program, built["avx2"])
    assert arm.status == "unsupported"
    assert "an instruction that this CPU lacks" in arm.reason


def test_a_static_program_is_inspected_as_a_whole(built, tmp_path):
    program = compiled(HELPFUL, tmp_path / "llama-bench", "-O3", "-static")
    arm = take(program, built["avx2"])
    assert arm.status == "pending", arm.reason
    assert [i.file for i in arm.inspections] == ["llama-bench"]
    assert "avx2" not in arm.prebuilt.missing
    assert "statically linked" in arm.equivalence.reason
    # The C library's own AVX-512 is dispatched and counts for nothing, ours does.
    narrow = msgspec.structs.replace(detect_cpu(), features=(*NO_AVX, "avx", "avx2"))
    assert take(program, built["avx2"], narrow).status == "pending"
    old = msgspec.structs.replace(narrow, features=NO_AVX)
    assert "ggml_vec_dot_made_up" in take(program, built["avx2"], old).reason


def test_it_is_measured_like_a_variant_and_a_bad_one_is_a_row(llamabuild, built, tmp_path):
    (tmp_path / "notes.txt").write_text("no program")
    result = llamabuild(
        "variants",
        f"prebuilt:{built['avx2']}",
        f"prebuilt:{tmp_path / 'notes.txt'}",
        *("--workloads", "pp8", "--blocks", "1", "--output", str(tmp_path / "report"), "--json"),
    )
    assert result.returncode == 2, result.stderr
    assert "notes.txt' is not an ELF file" in result.stderr
    document = json.loads(result.stdout)
    rows = {row["name"]: row for row in document["variants"]}
    assert list(rows) == ["native", "prebuilt:files", "prebuilt:notes.txt"]
    own = rows["prebuilt:files"]
    assert (own["status"], own["equivalence"]["verdict"]) == ("ready", "same")
    assert own["workloads"][0]["failed"] == 0
    assert own["inspection"]["highest"] == "avx2"
    assert rows["prebuilt:notes.txt"]["status"] == "bad variant"
    assert str(Path(built["avx2"]).parent) not in result.stdout
