"""Composition: what each part adds, and clear words where parts don't go together."""

import pytest

from llamabuild.errors import BadInput
from llamabuild.variants import CannotCombine, load_catalogue
from llamabuild.variants.bench_options import by_option, joined

SOURCE = "pypi:llama-cpp-python==0.3.36"


@pytest.fixture(scope="module")
def catalogue():
    return load_catalogue(SOURCE, [])


@pytest.fixture
def own(tmp_path):
    """Write variant files of a user and load them above the shipped ones."""

    def load(**files: str):
        for name, text in files.items():
            path = tmp_path / f"{name.replace('_', '-')}.toml"
            path.write_text(f'description = "{name}: text"\n{text}')
        return load_catalogue(SOURCE, [tmp_path])

    return load


def test_a_name_means_what_it_says(catalogue):
    variant = catalogue.get("native+clang-19+pgo+mimalloc")
    assert variant.name == "native+clang-19+pgo+mimalloc"
    assert variant.parts == ("native", "clang-19", "pgo", "mimalloc")
    assert variant.kind == "composed"
    assert variant.cmake == {"GGML_NATIVE": "ON"}
    assert (variant.toolchain.c, variant.toolchain.cxx) == ("clang-19", "clang++-19")
    assert variant.optimize.pgo
    assert not variant.optimize.bolt
    assert (variant.allocator.name, variant.allocator.how) == ("mimalloc", "preload")
    assert variant.runtime.bench == ("-lm", "none")
    assert variant.expect == catalogue.get("native").expect
    assert variant.origins["optimize.pgo"] == "pgo.toml"
    assert variant.origins["toolchain.cxx"] == "the name 'clang-19'"
    assert all(title in variant.description for title in ("clang-19", "PGO", "mimalloc"))


def test_a_part_brings_nothing_of_what_it_stands_on(catalogue):
    variant = catalogue.get("avx2+clang+pgo-bolt")
    assert variant.cmake == catalogue.get("avx2").cmake
    assert variant.requires.architecture == "x86_64"
    assert variant.optimize.pgo
    assert variant.optimize.bolt


def test_any_variant_may_be_the_base(catalogue):
    variant = catalogue.get("pgo+no-openmp")
    assert variant.cmake == {"GGML_NATIVE": "ON", "GGML_OPENMP": "OFF"}
    assert variant.optimize.pgo


def test_one_name_is_no_composition(catalogue):
    assert catalogue.get("pgo").parts == ()
    assert catalogue.get("pgo").kind == "optimization"


def test_the_order_of_deltas_changes_the_name_alone(catalogue):
    first, second = catalogue.get("native+pgo+clang"), catalogue.get("native+clang+pgo")
    assert first.optimize == second.optimize
    assert first.toolchain == second.toolchain
    assert first.name != second.name


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("native+avx2", "'native' and 'avx2' both say which instructions"),
        ("pgo+native", r"'pgo' \(by 'native'\) and 'native' both say"),
        ("native+gcc+clang", "toolchain.c is 'gcc' in 'gcc' and 'clang' in 'clang'"),
        ("native+clang-18+clang-19", "'clang-18' in 'clang-18' and 'clang-19' in 'clang-19'"),
        ("native+o2+ofast", "optimize.level is '2' in 'o2' and 'fast' in 'ofast'"),
        ("native+mimalloc+jemalloc", "allocator.name is 'mimalloc' in 'mimalloc'"),
        ("native+mimalloc+mimalloc-linked", "allocator.how is 'preload' in 'mimalloc'"),
        ("native+glibc-hugepages+tcmalloc", "do not go together: the tunable speaks to glibc"),
        ("native+tcmalloc+glibc-hugepages", "do not go together: the tunable speaks to glibc"),
        ("native+static+bolt", "BOLT rewrites libggml-cpu"),
        ("pgo-bolt+static", "BOLT rewrites libggml-cpu"),
        ("static+dispatch", "need shared libraries"),
        ("avx2+dispatch", "a backend for each kind of CPU"),
        ("dispatch+clang-pgo", "a training run reaches one backend alone"),
        ("ik+pgo", "'ik' and 'pgo' do not go together: its llama-bench lacks --no-warmup"),
        ("ik-rtr+repack=0", "do not go together: ik_llama.cpp's llama-bench has no --repack"),
        ("ik+poll=100", "do not go together: ik_llama.cpp's llama-bench has no --poll"),
        ("ik+no-repack", "do not go together: its llama-bench has no --repack"),
        ("ik+bolt", "BOLT does not know its libraries"),
        ("ik-rtr+lto+clang-pgo", "lacks --no-warmup"),
        ("native+pgo+pgo", "names 'pgo' twice"),
    ],
)
def test_parts_that_do_not_go_together(catalogue, name, says):
    with pytest.raises(CannotCombine, match=says) as caught:
        catalogue.get(name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("native+pgoo", "unknown variant 'pgoo'.*mean 'pgo'"),
        ("native+", "empty part"),
        ("+", "empty part"),
        ("native++pgo", "empty part"),
        ("native-19", "unknown variant 'native-19'"),
        ("clang-0", "unknown variant"),
        ("clang-1900", "unknown variant"),
        ("clang-../../x", "unknown variant"),
        ("Native", "did you mean 'native'"),
    ],
)
def test_names_that_mean_nothing(catalogue, name, says):
    with pytest.raises(BadInput, match=says) as caught:
        catalogue.get(name)
    assert not isinstance(caught.value, CannotCombine)
    assert not catalogue.knows(name)


def test_more_parts_than_anyone_needs(own):
    names = [f"a{number}" for number in range(9)]
    catalogue = own(**dict.fromkeys(names, ""))
    assert catalogue.get("+".join(names[:8])).parts == tuple(names[:8])
    with pytest.raises(CannotCombine, match="more than 8 parts"):
        catalogue.get("+".join(names))


def test_a_cmake_variable_of_two_values(own):
    catalogue = own(a="[cmake]\nGGML_X = true", b="[cmake]\nGGML_X = false")
    with pytest.raises(CannotCombine, match="cmake.GGML_X is 'ON' in 'a' and 'OFF' in 'b'"):
        catalogue.get("native+a+b")


def test_one_value_said_twice_is_no_conflict(own):
    catalogue = own(a="[cmake]\nGGML_X = true", b="[cmake]\nGGML_X = true")
    assert catalogue.get("native+a+b").cmake["GGML_X"] == "ON"


def test_a_variable_of_the_environment_of_two_values(own):
    catalogue = own(a='[runtime.environment]\nA = "1"\nC = "3"', b='[runtime.environment]\nA = "2"')
    with pytest.raises(CannotCombine, match="runtime.environment.A is '1' in 'a' and '2' in 'b'"):
        catalogue.get("native+a+b")


def test_what_lists_hold_is_joined(own, tmp_path):
    catalogue = own(
        a='[flags]\nc = ["-O1"]\n[requires]\ntools = ["x", "y"]\n[runtime]\nbench = ["-fa", "on"]',
        b='[flags]\nc = ["-g"]\n[requires]\ntools = ["y", "z"]\n[runtime]\nbench = ["-b", "64"]\n'
        '[[expect]]\nbinary = "own*"',
    )
    variant = catalogue.get("native+a+b")
    assert variant.flags.c == ("-O1", "-g")
    assert variant.requires.tools == ("x", "y", "z")
    assert variant.runtime.bench == ("-fa", "on", "-b", "64")
    assert [e.binary for e in variant.expect] == ["libggml-cpu*", "own*"]
    assert variant.origins["flags.c"] == f"{tmp_path / 'a.toml'}, {tmp_path / 'b.toml'}"
    assert variant.origins["expect"] == f"native.toml, {tmp_path / 'b.toml'}"


def test_an_option_of_llama_bench_of_two_values_whatever_its_spelling(own):
    catalogue = own(
        a='[runtime]\nbench = ["--load_mode", "mmap"]', b='[runtime]\nbench = ["-lm", "none"]'
    )
    with pytest.raises(CannotCombine, match="runtime.bench -lm is 'mmap' in 'a' and 'none' in 'b'"):
        catalogue.get("native+a+b")
    assert catalogue.get("native+b+mimalloc").runtime.bench == ("-lm", "none")


def test_a_file_that_two_parts_share_counts_once(own):
    catalogue = own(
        common='extends = "native"\n[flags]\nc = ["-g"]',
        a='extends = "common"\n[cmake]\nGGML_A = true',
        b='extends = "common"\n[cmake]\nGGML_B = true',
    )
    assert catalogue.get("native+a+b").flags.c == ("-g",)
    assert catalogue.get("native+a+b").cmake["GGML_B"] == "ON"


def test_expectations_that_only_repeat_what_a_part_stands_on_do_not_come_along(catalogue):
    """Else avx2, which forbids AVX-512, would have to have it."""
    composed, avx2 = catalogue.get("avx2+openblas"), catalogue.get("avx2")
    assert composed.expect[:-1] == avx2.expect
    assert composed.expect[-1].binary == "libggml-blas*"


def test_a_conflict_by_the_name_of_an_ancestor_or_a_kind(own):
    catalogue = own(
        a='[conflicts]\nb = "because"',
        b="",
        c='extends = "b"',
        d='[conflicts]\nallocators = "no malloc here"',
    )
    for name in ("native+a+b", "native+b+a", "native+a+c", "c+a"):
        with pytest.raises(CannotCombine, match="do not go together: because"):
            catalogue.get(name)
    with pytest.raises(CannotCombine, match="no malloc here"):
        catalogue.get("native+d+hugealloc-linked")


@pytest.mark.parametrize(
    ("name", "c", "cxx"),
    [
        ("clang-19", "clang-19", "clang++-19"),
        ("gcc-12", "gcc-12", "g++-12"),
        ("clang-lto-20", "clang-20", "clang++-20"),
        ("native+clang", "clang", "clang++"),
        ("native+clang+clang-19", "clang-19", "clang++-19"),
        ("native+clang-19+clang-lto", "clang-19", "clang++-19"),
        ("clang-lto+clang-19", "clang-19", "clang++-19"),
    ],
)
def test_versions_of_compilers(catalogue, name, c, cxx):
    variant = catalogue.get(name)
    assert (variant.toolchain.c, variant.toolchain.cxx) == (c, cxx)
    assert catalogue.knows(name)


def test_a_version_says_itself_in_the_description(catalogue):
    assert catalogue.get("clang-19").description.startswith("clang-19: ")


def test_a_file_of_that_very_name_goes_before_a_version(own):
    assert own(clang_19="[cmake]\nGGML_X = true").get("clang-19").cmake == {"GGML_X": "ON"}


def test_another_tree_comes_first(own):
    catalogue = own(fork='kind = "trees"\nsource = "pypi:fork==1"')
    assert catalogue.get("fork+pgo").source == "pypi:fork==1"
    with pytest.raises(CannotCombine, match="'fork' is another source tree: name it first"):
        catalogue.get("native+fork")


def test_llama_bench_arguments_by_option():
    arguments = ("--prio", "-1", "--load-mode", "none", "--no-warmup", "-ngl", "0")
    options = {"--prio": ("-1",), "-lm": ("none",), "--no-warmup": (), "-ngl": ("0",)}
    assert by_option(arguments) == options
    assert joined(("-t", "2"), ("--threads", "2", "-v")) == ("-t", "2", "-v")
