"""What carries the result: words translated, and quoted for the language that they stand in."""

import json
import shlex

import msgspec
import pytest

from llamabuild.machine import libraries
from llamabuild.machine.libraries import library_file, library_package
from llamabuild.optimize.deploy import (
    docker_value,
    render,
    systemd_assignment,
    systemd_word,
)
from llamabuild.optimize.translate import facts, locks_memory, server_arguments, with_server
from llamabuild.pipeline.optimize_deploy import deployment_of
from llamabuild.types.build import Plan
from llamabuild.types.optimization import Deployment
from llamabuild.variants import load_catalogue
from llamabuild.variants.bench_options import by_option
from llamabuild.variants.settings import settings
from tests.runs import SOURCE

FORK = "pypi:ik-llama-cpp-python==0.1.5"
HOSTILE = 'a b\'; $(touch x) "%h" \\ `id`'


def deployed(name, source=SOURCE, **changes):
    variant = load_catalogue("pypi:llama-cpp-python==0.3.36", []).get(name)
    plan = Plan(
        build_id="x",
        variant=name,
        source_digest="d",
        steps=(),
        compilers=(),
        native_resolution="",
        outputs=(),
        by_hand=(
            ("cmake", "-S", "llama.cpp", "-B", "build-x", "-DLLAMA_BUILD_SERVER=OFF"),
            ("cmake", "--build", "build-x", "--target", "llama-bench"),
        ),
    )
    return msgspec.structs.replace(deployment_of(variant, plan, source, threads=4), **changes)


def test_every_setting_that_llama_bench_takes_is_known():
    """A lever that could not be carried to a server would be of no use."""
    for name, setting in settings().items():
        if setting.bench:
            words = setting.filled(setting.bench, setting.example)
            translated = server_arguments(by_option(words))
            assert not any("no counterpart" in note for note in translated.notes), name


def test_llama_bench_s_words_become_the_server_s():
    words = "-t 4 -ub 64 -fa off --repack 0 -lm mlock -ctk q8_0 -ctv q8_0 -C 0x3 --cpu-strict 1"
    found = server_arguments(by_option(words.split()))
    assert " ".join(found.arguments) == (
        "--threads 4 --ubatch-size 64 --flash-attn off --no-repack --load-mode mlock "
        "--cache-type-k q8_0 --cache-type-v q8_0 --cpu-mask 0x3 --cpu-strict 1"
    )
    assert locks_memory(found.arguments)
    assert not locks_memory(("--load-mode", "none"))


def test_what_has_no_counterpart_is_said():
    found = server_arguments({"-nopo": ("1",), "-d": ("512",)})
    assert found.arguments == ()
    assert found.notes == (
        "llama-bench's -nopo 1 has no counterpart in llama-server.",
        "It was measured with 512 tokens in the context.",
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("native", "--threads 4"),
        ("native+prompt-threads=8", "--threads 4 --threads-batch 8"),
        ("native+generation-threads=2", "--threads 2 --threads-batch 4"),
        ("native+generation-threads=2+prompt-threads=8", "--threads 2 --threads-batch 8"),
        ("native+threads=6+generation-threads=2", "--threads 2 --threads-batch 6"),
    ],
)
def test_a_server_has_threads_for_prompts_and_for_generation(name, words):
    found = " ".join(deployed(name).arguments)
    assert found == words


def test_what_is_set_for_threads_is_set_for_those_of_prompts_too():
    """With a number of their own the server takes nothing else over for them."""
    apart = " ".join(deployed("native+poll=100+cpu-mask=0x3+prompt-threads=8").arguments)
    for words in ("--poll-batch 100", "--cpu-mask-batch 0x3", "--cpu-strict-batch 1"):
        assert words in apart
    assert "-batch" not in " ".join(deployed("native+poll=100").arguments)


def test_the_build_makes_a_server():
    commands = [
        ("cmake", "-S", "x", "-B", "b", "-DLLAMA_BUILD_SERVER=OFF", "-DA=1"),
        ("cmake", "--build", "b", "--target", "llama-bench"),
        ("b/bin/llama-bench", "-S", "--build"),
    ]
    configure, build, other = with_server(commands, trained=True)
    assert configure[-2:] == ("-DA=1", "-DLLAMA_BUILD_SERVER=ON")
    assert build[-4:] == ("--target", "llama-bench", *facts().build.targets)
    assert other == ("b/bin/llama-bench", "-S", "--build")
    _, plain, _ = with_server(commands, trained=False)
    assert plain[-3:] == ("--target", *facts().build.targets)


def test_a_preloaded_allocator_settings_and_a_launcher():
    found = deployed("native+mimalloc+ubatch=64+cpus=0-1+no-tiled")
    assert found.environment["LD_PRELOAD"] == library_file("mimalloc")
    assert found.environment["MIMALLOC_ALLOW_LARGE_OS_PAGES"] == "1"
    assert found.environment["GGML_CPU_TILED_MM"] == "0"
    assert found.launcher == ("taskset", "-c", "0-1")
    assert found.arguments[:2] == ("--threads", "4")
    assert found.arguments[2:4] == ("--load-mode", "none")
    assert found.libraries[:2] == ("libgomp1", library_package("mimalloc"))
    files = render(found)
    unit = files["llama-server.service"]
    assert "ExecStart=/usr/bin/taskset -c 0-1 /opt/llama.cpp/bin/llama-server --model" in unit
    assert f'Environment="LD_PRELOAD={library_file("mimalloc")}"' in unit
    assert "LimitMEMLOCK" not in unit
    build, final = files["Dockerfile"].split("\nFROM ")[-2:]
    assert f"apt-get install -y --no-install-recommends {' '.join(found.libraries)}\n" in final
    assert "libmimalloc" in build
    assert f"export LD_PRELOAD={library_file('mimalloc')}\n" in files["run.sh"]


def test_a_library_of_ours_is_copied_and_said():
    found = deployed("native+hugealloc")
    assert found.environment["LD_PRELOAD"] == "/usr/local/lib/libhugealloc.so"
    assert any("comes with llamabuild" in note for note in found.notes)
    docker = render(found)["Dockerfile"]
    assert "COPY libhugealloc.so /usr/local/lib/libhugealloc.so" in docker


@pytest.mark.parametrize(("debian", "file"), [(12, "libmimalloc.so.2"), (13, "libmimalloc.so.3")])
def test_package_and_file_are_of_one_release(monkeypatch, debian, file):
    monkeypatch.setattr(libraries, "debian_version", lambda: debian)
    monkeypatch.setattr(libraries, "find_shared", lambda _: None)
    found = deployed("native+mimalloc")
    assert found.environment["LD_PRELOAD"] == file
    assert library_package("mimalloc") in found.libraries
    assert file[-1] in library_package("mimalloc")


@pytest.fixture
def fork(tmp_path):
    """The tree of a fork whose llama-bench is one of the examples."""
    program = tmp_path / "examples" / "llama-bench" / "CMakeLists.txt"
    program.parent.mkdir(parents=True)
    program.touch()
    return msgspec.structs.replace(SOURCE, spec=FORK, tree=str(tmp_path))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ik-rtr+mimalloc", "--no-mmap -rtr"),
        ("ik-rtr+load-mode=mlock", "--mlock -rtr"),
        ("ik+load-mode=mmap", ""),
        ("ik+kv-cache=q8_0", "--cache-type-k q8_0 --cache-type-v q8_0"),
    ],
)
def test_a_fork_s_server_is_told_in_its_own_words(fork, name, words):
    found = deployed(name, fork)
    assert sorted(found.arguments) == sorted(f"--threads 4 {words}".split())


def test_a_locked_fork_may_lock(fork):
    unit = render(deployed("ik+load-mode=mlock", fork))["llama-server.service"]
    assert "LimitMEMLOCK=infinity" in unit


def test_records_from_before_keep_their_libraries():
    old = deployed("native+openblas", libraries=("libopenblas-dev",), packages=())
    build, final = render(old)["Dockerfile"].split("AS build")[1].split("\nFROM ")
    assert "libopenblas-dev" in build
    assert "--no-install-recommends libgomp1 libopenblas-dev\n" in final


def test_a_launcher_is_in_the_image():
    found = deployed("native+node=0")
    final = render(found)["Dockerfile"].split("\nFROM ")[-1]
    assert "numactl" in final.split("ENTRYPOINT")[0]
    assert any("SYS_NICE" in note for note in found.notes)


def test_a_linked_library_of_ours_is_there_when_it_is_built():
    found = deployed("native+hugealloc-linked")
    build = render(found)["Dockerfile"].split("\nFROM ")[1]
    assert "COPY libhugealloc.so /usr/local/lib/libhugealloc.so" in build
    assert 'RUN ["ldconfig"]' in build
    assert "LD_PRELOAD" not in found.environment


def test_what_another_version_may_call_otherwise_is_said():
    other = msgspec.structs.replace(SOURCE, spec="pypi:llama-cpp-python==0.3.30")
    assert any("see --help" in note for note in deployed("native", other).notes)
    default = msgspec.structs.replace(SOURCE, spec="pypi:llama-cpp-python==0.3.36")
    assert not any("see --help" in note for note in deployed("native", default).notes)


def test_only_the_last_build_makes_the_servers():
    cmake = ("cmake", "--build", "b", "--target", "llama-bench")
    first, train, last = with_server([cmake, ("train",), cmake], trained=True)
    assert first == cmake
    assert train == ("train",)
    assert last[-2:] == facts().build.targets


def test_locked_memory_and_training_are_provided_for():
    assert (
        "LimitMEMLOCK=infinity"
        in render(deployed("native+load-mode=mlock"))["llama-server.service"]
    )
    assert "COPY MODEL.gguf /src/MODEL.gguf" in render(deployed("native+pgo"))["Dockerfile"]


def test_clang_brings_its_openmp_where_it_is_built_and_where_it_runs():
    clang = deployed("native+clang-19")
    assert {"clang-19", "libomp-19-dev"} <= set(clang.packages)
    assert clang.libraries == ("libomp-19-dev",)
    assert {"lld-19"} <= set(deployed("native+clang-19+lto").packages)
    without = deployed("native+clang-19+no-openmp")
    assert not any("omp-" in package for package in (*without.packages, *without.libraries))


def test_the_image_is_of_the_distribution_that_has_the_packages():
    docker = render(deployed("native", image="debian:12-slim"))["Dockerfile"]
    assert [line for line in docker.splitlines() if line.startswith("FROM")] == [
        "FROM debian:12-slim AS build",
        "FROM debian:12-slim",
    ]


def test_where_the_tree_comes_from_is_said_in_comments():
    for text in (render(deployed("native"))[name] for name in ("build.sh", "Dockerfile")):
        assert "#   mv llama_cpp_python-0.3.36/vendor/llama.cpp llama.cpp\n" in text


def test_whatever_a_word_holds_it_stays_one_word():
    found = deployed("native", arguments=("--alias", HOSTILE), environment={"X": HOSTILE})
    files = render(found)
    server = next(
        line
        for line in files["run.sh"].splitlines()
        if "llama-server" in line and "--model" in line
    )
    assert shlex.split(server)[-1] == HOSTILE
    export = next(line for line in files["run.sh"].splitlines() if line.startswith("export"))
    assert shlex.split(export)[1] == f"X={HOSTILE}"
    entry = next(line for line in files["Dockerfile"].splitlines() if line.startswith("ENTRYPOINT"))
    assert json.loads(entry.removeprefix("ENTRYPOINT "))[-1] == HOSTILE


@pytest.mark.parametrize(
    ("word", "quoted"),
    [
        ("plain-1.2/x", "plain-1.2/x"),
        ("", '""'),
        ("a b", '"a b"'),
        ("50%", "50%%"),
        ("$HOME", "$$HOME"),
        ('a"b', '"a\\"b"'),
        ("a\\b", '"a\\\\b"'),
        ("a;b", '"a;b"'),
    ],
)
def test_systemd_quotes(word, quoted):
    assert systemd_word(word) == quoted


def test_systemd_assignments_and_docker_values():
    assert systemd_assignment("A", "x $y 5%") == '"A=x $y 5%%"'
    assert docker_value('a"$b\\') == '"a\\"\\$b\\\\"'


def test_a_deployment_survives_the_store():
    found = deployed("native+pgo+mimalloc")
    assert msgspec.json.decode(msgspec.json.encode(found), type=Deployment) == found
