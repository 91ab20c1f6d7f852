"""The shipped catalogue: complete, honest about what it sets, and listed with what is missing."""

import json
import time

import pytest
from click.testing import CliRunner

from llamabuild.cli import cli
from llamabuild.errors import EnvironmentLacks
from llamabuild.machine.tools import tool_table
from llamabuild.types.machine import Cpu
from llamabuild.variants import fitness, load_catalogue, promises, unsupported_reason
from llamabuild.variants.catalogue import shipped_folder
from llamabuild.variants.file import read_variant_file
from llamabuild.variants.kinds import KINDS

SOURCE = "pypi:llama-cpp-python==0.3.36"
SHIPPED = sorted(shipped_folder().glob("*.toml"))
CATALOGUE = load_catalogue(SOURCE, [])
NEW = {
    "compilers": {"gcc", "clang", "lto", "clang-lto", "o2", "ofast"},
    "optimization": {"pgo", "clang-pgo", "bolt", "pgo-bolt"},
    "allocators": {
        *("mimalloc", "jemalloc", "tcmalloc", "hugealloc", "glibc-hugepages"),
        *("mimalloc-linked", "jemalloc-linked", "tcmalloc-linked", "hugealloc-linked"),
    },
    "switches": {
        *("no-openmp", "no-repack", "no-llamafile", "no-tiled"),
        *("openblas", "static", "dispatch"),
    },
    "runtime": {"no-mmap"},
}


def cpu(architecture="x86_64", features=()):
    return Cpu(
        architecture=architecture,
        vendor="v",
        brand="Some CPU",
        microarchitecture="x",
        features=features,
        logical_cpus=1,
        physical_cores=1,
        threads_per_core=1,
        caches=(),
        hypervisor="",
    )


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_file_has_a_kind_and_one_line_on_what_it_is(path):
    file = read_variant_file(path)
    assert file.kind in KINDS
    assert file.kind != "own"
    assert "\n" not in file.description
    assert 20 <= len(file.description) <= 105


@pytest.mark.parametrize("kind", NEW)
def test_the_kinds_are_complete(kind):
    assert set(CATALOGUE.in_set(kind)) >= NEW[kind]


@pytest.mark.parametrize("name", sorted(set().union(*NEW.values())))
def test_everything_else_is_native_but_for_what_it_says(name):
    variant, native = CATALOGUE.get(name), CATALOGUE.get("native")
    if name != "dispatch":
        assert variant.cmake["GGML_NATIVE"] == "ON"
    changed = (
        variant.cmake != native.cmake
        or variant.runtime != native.runtime
        or variant.optimize != native.optimize
        or variant.toolchain != native.toolchain
    )
    assert changed


@pytest.mark.parametrize("name", sorted(NEW["allocators"]))
def test_allocators_see_the_weights_and_say_so(name):
    variant = CATALOGUE.get(name)
    assert variant.runtime.bench == CATALOGUE.get("no-mmap").runtime.bench == ("-lm", "none")
    assert "weights are read, not mapped" in variant.description
    if name != "glibc-hugepages":
        base = name.removesuffix("-linked")
        how = "link" if base != name else "preload"
        assert (variant.allocator.name, variant.allocator.how) == (base, how)


def test_what_needs_no_build_changes_nothing_that_is_built():
    native = CATALOGUE.get("native")
    for name in ("no-mmap", "no-repack", "no-tiled", "glibc-hugepages", "mimalloc", "hugealloc"):
        variant = CATALOGUE.get(name)
        assert (variant.cmake, variant.flags) == (native.cmake, native.flags)
        assert (variant.optimize, variant.toolchain) == (native.optimize, native.toolchain)


def test_an_expectation_of_a_file_alone_is_kept():
    kept = promises(CATALOGUE.get("openblas").expect, cpu())
    assert [e.binary for e in kept] == ["libggml-blas*"]
    kept = promises(CATALOGUE.get("openblas").expect, cpu(features=("avx2",)))
    assert [e.binary for e in kept] == ["libggml-cpu*", "libggml-blas*"]


def test_a_users_file_is_their_own_unless_it_changes_a_shipped_one(tmp_path):
    (tmp_path / "mine.toml").write_text('extends = "pgo"\ndescription = "mine"')
    (tmp_path / "pgo.toml").write_text('extends = "pgo"\ndescription = "pgo"')
    (tmp_path / "lto.toml").write_text('kind = "switches"\ndescription = "lto"')
    catalogue = load_catalogue(SOURCE, [tmp_path])
    assert catalogue.get("mine").kind == "own"
    assert catalogue.get("pgo").kind == "optimization"
    assert catalogue.get("lto").kind == "switches"


@pytest.fixture
def absent(monkeypatch):
    """Make tools and libraries missing, by name."""

    def make(*names):
        def locate(name):
            if name in names:
                raise EnvironmentLacks(f"'{name}' was not found", f"apt-get install {name}-pkg")

        def library(name, compiler=""):
            locate(name)

        monkeypatch.setattr(fitness, "locate_tool", locate)
        monkeypatch.setattr(fitness, "find_library", library)
        monkeypatch.setattr(fitness, "allocator_library", locate)

    return make


@pytest.mark.parametrize(
    ("name", "missing", "says"),
    [
        ("clang", ["clang"], "clang; apt-get install clang-pkg"),
        ("clang", ["clang", "clang++"], "clang, clang++; apt-get install clang-pkg clang++-pkg"),
        ("clang-19", ["clang-19"], "clang-19; apt-get install clang-19-pkg"),
        ("gcc-12", ["g++-12"], "g++-12; apt-get install g++-12-pkg"),
        ("clang", ["openmp"], "openmp of clang; apt-get install openmp-pkg"),
        ("clang-lto-19", ["lld"], "lld of clang-19; apt-get install lld-pkg"),
        ("clang-pgo", ["profdata"], "profdata of clang; apt-get install profdata-pkg"),
        ("bolt", ["llvm-bolt"], "llvm-bolt; apt-get install llvm-bolt-pkg"),
        ("mimalloc-linked", ["mimalloc"], "mimalloc; apt-get install mimalloc-pkg"),
        ("openblas", ["openblas", "pkg-config"], "pkg-config, openblas; apt-get install"),
        ("native+clang+no-openmp", ["openmp"], ""),
        ("gcc", ["openmp", "lld", "profdata"], ""),
        ("clang", ["lld", "profdata"], ""),
        ("hugealloc", ["hugealloc"], "libhugealloc.so; apt-get install hugealloc-pkg"),
        ("pgo", ["profdata"], ""),
    ],
)
def test_what_is_missing_is_named_with_its_package(absent, name, missing, says):
    absent(*missing)
    reason = unsupported_reason(CATALOGUE.get(name), cpu())
    assert reason.startswith(f"not installed: {says}") if says else reason == ""


def test_each_tool_that_a_variant_names_has_a_package():
    named = {t for name in CATALOGUE.names() for t in CATALOGUE.get(name).requires.tools}
    assert "pkg-config" in named
    for name in named:
        assert tool_table()[name].debian, name


def test_openblas_without_pkg_config_names_its_package(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(fitness, "find_library", lambda name, compiler="": None)
    reason = unsupported_reason(CATALOGUE.get("openblas"), cpu())
    assert reason == "not installed: pkg-config; apt-get install pkg-config"


def test_a_program_without_a_package_is_named_alone(absent, monkeypatch):
    def locate(name):
        raise EnvironmentLacks(f"'{name}' was not found", "put its folder on PATH")

    monkeypatch.setattr(fitness, "locate_tool", locate)
    assert unsupported_reason(CATALOGUE.get("gcc"), cpu()) == "not installed: gcc, g++"


def listed(*arguments):
    result = CliRunner().invoke(cli, ["list", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_list_is_grouped_by_kind():
    text = listed()
    places = [text.index(f"{kind}:") for kind in KINDS if CATALOGUE.in_set(kind)]
    assert places == sorted(places)
    assert text.index("allocators:") < text.index(" mimalloc ") < text.index("switches:")


def test_a_list_of_sets():
    text = listed("--set", "optimization,runtime")
    assert "pgo-bolt" in text
    assert "no-mmap" in text
    assert "mimalloc:" not in text
    assert CliRunner().invoke(cli, ["list", "--set", "nothing"]).exit_code != 0


def test_a_list_for_programs():
    entries = json.loads(listed("--json"))["variants"]
    assert [entry["name"] for entry in entries] == list(CATALOGUE.names())
    bolt = next(entry for entry in entries if entry["name"] == "bolt")
    assert bolt["kind"] == "optimization"
    assert bolt["runs_here"] == (not bolt["reason"])


def test_show_says_who_set_what():
    result = CliRunner().invoke(cli, ["show", "native+clang-19+mimalloc"])
    assert result.exit_code == 0
    for line in (
        "kind: composed of native, clang-19, mimalloc",
        """toolchain.c = "clang-19"  (the name 'clang-19')""",
        'allocator.how = "preload"  (mimalloc.toml)',
        'runtime.bench = ["-lm","none"]  (no-mmap.toml)',
    ):
        assert line in result.stdout


def test_show_has_conflicts():
    result = CliRunner().invoke(cli, ["show", "bolt"])
    assert "optimize.bolt = true  (bolt.toml)" in result.stdout
    assert 'conflicts.static = "BOLT rewrites' in result.stdout
    assert "optimize.pgo" not in result.stdout


def test_the_whole_catalogue_resolves_quickly():
    begun = time.process_time()
    for name in CATALOGUE.names():
        CATALOGUE.get(name)
    assert time.process_time() - begun < 0.5
