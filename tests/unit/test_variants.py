"""Variant files: what they may say, how they inherit, and clear words when they are wrong."""

import pytest

from llamabuild.errors import BadInput, EnvironmentLacks
from llamabuild.inspect import group_names
from llamabuild.inspect.architecture import ARCHITECTURES
from llamabuild.types.machine import Cpu
from llamabuild.variants import load_catalogue, unsupported_reason
from llamabuild.variants.catalogue import shipped_folder
from llamabuild.variants.isa_names import NO_GROUP, features, groups

SOURCE = "pypi:llama-cpp-python==0.3.36"
FORK = "pypi:ik-llama-cpp-python==0.1.5"


def cpu(architecture: str = "x86_64", features: tuple[str, ...] = ()) -> Cpu:
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


@pytest.fixture
def own(tmp_path):
    """Write variant files of a user and load them above the shipped ones."""

    def load(**files: str):
        for name, text in files.items():
            (tmp_path / f"{name}.toml").write_text(text)
        return load_catalogue(SOURCE, [tmp_path])

    return load


def test_the_first_set_is_complete():
    names = set(load_catalogue(SOURCE, []).names())
    assert {"generic", "sse42", "avx2", "avx512", "avx512-vnni", "native", "native-o3"} <= names
    assert {"armv8", "dotprod", "i8mm", "sve"} <= names


@pytest.mark.parametrize("name", [path.stem for path in sorted(shipped_folder().glob("*.toml"))])
def test_every_shipped_variant_resolves_and_promises_something(name):
    variant = load_catalogue(SOURCE, []).get(name)
    assert variant.description
    assert variant.source == (FORK if name.startswith("ik") else SOURCE)
    assert variant.expect
    texts = {"GGML_CPU_ARM_ARCH", "GGML_BLAS_VENDOR"}
    assert {v for k, v in variant.cmake.items() if k not in texts} <= {"ON", "OFF"}


def test_names_go_from_least_to_most():
    names = load_catalogue(SOURCE, []).names()
    x86 = [n for n in names if n in {"generic", "sse42", "avx2", "avx512", "avx512-vnni"}]
    assert x86 == ["generic", "sse42", "avx2", "avx512", "avx512-vnni"]
    assert names.index("native") > names.index("avx512-vnni")


def test_extends_merges_and_remembers_who_said_what(own):
    variant = own(
        mine='extends = "avx512"\ndescription = "mine"\n[cmake]\nGGML_OPENMP = false\n'
        '[runtime]\nenvironment = { OMP_NUM_THREADS = "2" }\nbench = ["--poll", "0"]\n'
        '[requires]\ncpu = ["gfni"]\n'
    ).get("mine")
    assert variant.cmake["GGML_AVX512"] == "ON"
    assert variant.cmake["GGML_OPENMP"] == "OFF"
    assert variant.requires.cpu[-1] == "gfni"
    assert "avx2" in variant.requires.cpu
    assert variant.runtime.bench == ("--poll", "0")
    assert variant.origins["cmake.GGML_AVX512"] == "avx512.toml"
    assert variant.origins["cmake.GGML_OPENMP"].endswith("mine.toml")


@pytest.mark.parametrize(
    ("inherit", "expected", "files"),
    [
        ("none", ("-O1",), ["child"]),
        ("append", ("-O3", "-O1"), ["parent", "child"]),
        ("prepend", ("-O1", "-O3"), ["child", "parent"]),
    ],
)
def test_flags_inherit_as_the_file_says(own, tmp_path, inherit, expected, files):
    variant = own(
        parent='description = "p"\n[flags]\nc = ["-O3"]\n',
        child=f'extends = "parent"\ndescription = "c"\n[flags]\ninherit = "{inherit}"\nc = ["-O1"]',
    ).get("child")
    assert variant.flags.c == expected
    assert variant.origins["flags.c"] == ", ".join(str(tmp_path / f"{n}.toml") for n in files)


def test_whoever_adds_to_a_value_is_named_and_whoever_does_not_is_not(own, tmp_path):
    catalogue = own(
        a='description = "a"\nflags.c = ["-O3"]\nflags.cxx = ["-O3"]\n[requires]\ncpu = ["avx"]',
        b='extends = "a"\ndescription = "b"\nflags.cxx = ["-O2"]\n[requires]\ncpu = ["fma"]',
        c='extends = "b"\ndescription = "c"\nflags.cxx = ["-O1"]\n',
        d='extends = "c"\ndescription = "d"\nflags.inherit = "none"\nflags.c = ["-O0"]\n',
    )
    a, b, c, d = (str(tmp_path / f"{name}.toml") for name in "abcd")
    origins = catalogue.get("c").origins
    assert origins["flags.c"] == a
    assert origins["flags.cxx"] == f"{a}, {b}, {c}"
    assert origins["requires.cpu"] == f"{a}, {b}"
    assert catalogue.get("d").flags.cxx == ()
    assert catalogue.get("d").origins["flags.c"] == catalogue.get("d").origins["flags.cxx"] == d


def test_a_user_file_can_extend_the_shipped_file_of_its_own_name(own):
    variant = own(
        native='extends = "native"\ndescription = "no OpenMP"\n[cmake]\nGGML_OPENMP = false\n'
    ).get("native")
    assert variant.cmake == {"GGML_NATIVE": "ON", "GGML_OPENMP": "OFF"}
    assert variant.description == "no OpenMP"


def test_a_user_file_replaces_a_shipped_one(own):
    assert own(native='description = "other"').get("native").cmake == {}


BENCH = 'description = "x"\n[runtime]\nbench = '
EXPECT = 'description = "x"\n[[expect]]\nbinary = "lib*"\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("description = ", r"x\.toml: not valid TOML: .*line 1"),
        ('description = "x"\ncmakee = {}', r"unknown key 'cmakee'.*did you mean 'cmake'"),
        ('description = "x"\n[flags]\ncxxx = []', r"unknown key 'flags.cxxx'.*mean 'cxx'"),
        ('description = "x"\n[[expect]]\nbinary = "a"\nforbidden = []', "'expect.forbidden'"),
        ('extends = "avx2"', "description"),
        ("description = 3", "description: Expected `str`"),
        ('description = "x"\n[cmake]\nCMAKE_CXX_FLAGS = "-O3"', r"flags go into \[flags\]"),
        ('description = "x"\n[cmake]\nCMAKE_TOOLCHAIN_FILE = "/tmp/x"', "not a variable"),
        ('description = "x"\n[flags]\nc = ["O3"]', "flags.c"),
        ('description = "x"\n[flags]\nc = ["-O1 ; touch pwned"]', "flags.c"),
        ('description = "x"\n[flags]\nc = ["-O1$(touch pwned)"]', "flags.c"),
        ('description = "x"\n[flags]\nc = ["-fplugin=x.so"]', "flags.c"),
        ('description = "x"\n[flags]\ncxx = ["-include/etc/passwd"]', "flags.cxx"),
        ('description = "x"\n[cmake]\nGGML_CPU_ARM_ARCH = "armv8;touch x"', "cmake"),
        ('description = "x"\n[toolchain]\nc = "gcc -wrapper x"', "toolchain.c"),
        (f'{BENCH}["-m", "other.gguf"]', "runtime.bench: '-m' is not .*: --model names one"),
        (f'{BENCH}["--n-prompt", "9"]', "'--n-prompt' is not a variant's .*: --workloads says"),
        (f'{BENCH}["--n_gen", "9"]', "'--n-gen' is not a variant's"),
        (f'{BENCH}["--hf_repo", "a/b"]', "'--hf-repo' is not a variant's"),
        (f'{BENCH}["--hf-file", "a"]', "'--hf-file' is not a variant's"),
        (f'{BENCH}["-fa", "on", "--list-devices"]', "'--list-devices'.*measures nothing"),
        (f'{BENCH}["-h"]', "'-h' is not"),
        (f'{BENCH}["--help"]', "'--help' is not"),
        (f'{BENCH}["-t", "1,2"]', "x.toml: runtime.bench: '-t 1,2' is several tests.*'sweep'"),
        (f'{BENCH}["-t", "1-4"]', "'-t 1-4' is several tests"),
        (f'{BENCH}["-d", "512-4096*2"]', "several tests"),
        (f'{BENCH}["-ot", "a=CPU,b=CPU"]', "several tests"),
        (f'{BENCH}["-ub", "64", "--ubatch_size", "128"]', "'-ub' is there twice"),
        (f'{EXPECT}forbid = ["avx512"]', r"x.toml: expect\[0\].forbid: .* 'avx512'.*'avx512"),
        (f'{EXPECT}forbid = ["cpu:avx2"]', r"expect\[0\].forbid: 'cpu:avx2'.*write 'avx2'"),
        (f'{EXPECT}require = ["cpu:avx51"]', r"expect\[0\].require: unknown ISA group 'avx51'"),
        (f'{EXPECT}require = ["popcnt"]', "unknown ISA group 'popcnt'"),
        (f'{EXPECT}forbid = ["fma"]\n{EXPECT.partition(chr(10))[2]}forbid = ["AVX2"]', r"\[1\]"),
        ('description = "x"\n[requires]\ncpu = ["avx_2"]', "requires.cpu: .*'avx_2'.*'avx2'"),
        ('description = "x"\n[requires]\nsource_files = ["../x"]', "requires.source_files"),
        ('description = "x"\n[requires]\nsource_files = ["/etc/x"]', "requires.source_files"),
        ("x = " + "[" * 5000, "nested too deeply|not valid TOML"),
        ('description = "x"\n[requires]\narchitecture = "z80"', "requires.architecture"),
        ('description = "x"\n[runtime]\nenvironment = { "A=B" = "1" }', "runtime.environment"),
        ('description = "x"\nextends = "avx5"', r"extends unknown variant 'avx5'.*'avx512'"),
        ('description = "x"\nextends = "x"', "round in a circle: x → x"),
    ],
)
def test_a_wrong_file_gets_one_clear_line(own, text, says):
    with pytest.raises(BadInput, match=says) as caught:
        own(x=text).get("x")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "words",
    [
        ("-t", "4", "-ngl", "-1", "--cpu_mask", "0x3", "-ot", "blk.1-2=CPU;output=CPU"),
        ("-dev", "CUDA0/CUDA1", "-ts", "3/1", "-rpc", "a:50052,b:50052", "-fa", "on"),
        ("-rtr", "1", "-ser", "6,1", "--cuda-params", "fusion=1,mmq-id-size=64"),
    ],
)
def test_values_that_are_one_test_are_taken(own, words):
    listed = ", ".join(f'"{word}"' for word in words)
    assert own(x=f"{BENCH}[{listed}]").get("x").runtime.bench == words


def test_isa_names_of_files_are_those_that_inspect_counts():
    counted = {name for known in ARCHITECTURES for name in group_names(known)}
    assert set(groups()) == counted
    assert set(groups()) | NO_GROUP == set(features())


def test_a_longer_circle_is_shown_whole(own):
    catalogue = own(
        a='description = "a"\nextends = "b"',
        b='description = "b"\nextends = "c"',
        c='description = "c"\nextends = "a"',
    )
    with pytest.raises(BadInput, match="a → b → c → a"):
        catalogue.get("a")


def test_binary_rubbish_and_bad_names_are_refused(tmp_path):
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(BadInput, match="not UTF-8"):
        load_catalogue(SOURCE, [tmp_path])
    (tmp_path / "x.toml").rename(tmp_path / "Bad Name.toml")
    with pytest.raises(BadInput, match="not a variant name"):
        load_catalogue(SOURCE, [tmp_path])


def test_unknown_names_and_folders(tmp_path):
    with pytest.raises(BadInput, match="unknown variant 'nativ'.*did you mean 'native'"):
        load_catalogue(SOURCE, []).get("nativ")
    with pytest.raises(BadInput, match="no such folder"):
        load_catalogue(SOURCE, [tmp_path / "none"])


def test_fitness_names_what_is_missing():
    catalogue = load_catalogue(SOURCE, [])
    avx512 = catalogue.get("avx512")
    few = cpu(features=("avx2", "fma", "f16c", "bmi2"))
    assert "lacks avx512f, avx512cd" in unsupported_reason(avx512, few)
    assert unsupported_reason(catalogue.get("avx2"), few) == ""
    assert "aarch64" in unsupported_reason(catalogue.get("sve"), few)
    assert unsupported_reason(catalogue.get("native"), cpu("aarch64")) == ""


def test_fitness_names_an_allocator_of_ours_that_is_not_installed(own, monkeypatch):
    text = (
        'description = "d"\nextends = "generic"\n[allocator]\nname = "hugealloc"\nhow = "preload"'
    )
    variant = own(mine=text).get("mine")
    monkeypatch.setattr("llamabuild.machine.allocators._beside_us", lambda _: [])
    assert "libhugealloc.so" in unsupported_reason(variant, cpu())


def test_fitness_names_the_runtime_that_writes_clang_s_profiles(own, monkeypatch):
    def find(name, compiler=""):
        if name == "profile-runtime":
            raise EnvironmentLacks("not found", "apt-get install libclang-rt-19-dev")

    monkeypatch.setattr("llamabuild.variants.fitness.find_library", find)
    monkeypatch.setattr("llamabuild.variants.fitness.locate_tool", lambda _: None)
    text = 'description = "d"\nextends = "generic"\n[toolchain]\nc = "clang"\ncxx = "clang++"\n'
    plain = own(mine=text).get("mine")
    trained = own(mine=text + "[optimize]\npgo = true\n").get("mine")
    assert unsupported_reason(plain, cpu()) == ""
    assert unsupported_reason(trained, cpu()).endswith("apt-get install libclang-rt-19-dev")


def test_fitness_names_missing_tools(own):
    text = 'description = "x"\n[toolchain]\nc = "no-such-cc"\n[requires]\ntools = ["no-such-tool"]'
    reason = unsupported_reason(own(x=text).get("x"), cpu())
    assert reason == "not installed: no-such-cc, no-such-tool"
