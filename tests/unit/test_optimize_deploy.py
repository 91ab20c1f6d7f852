"""What carries the result: words translated, and quoted for the language that they stand in."""

import json
import shlex

import msgspec
import pytest

from llamabuild.optimize.deploy import (
    command_line,
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

HOSTILE = 'a b\'; $(touch x) "%h" \\ `id`'


def deployed(name, **changes):
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
    return msgspec.structs.replace(deployment_of(variant, plan, threads=4), **changes)


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
    assert found.environment["LD_PRELOAD"] == "libmimalloc.so.2"
    assert found.environment["MIMALLOC_ALLOW_LARGE_OS_PAGES"] == "1"
    assert found.environment["GGML_CPU_TILED_MM"] == "0"
    assert found.launcher == ("taskset", "-c", "0-1")
    assert found.arguments[:2] == ("--threads", "4")
    assert found.arguments[2:4] == ("--load-mode", "none")
    assert found.libraries[0] == "libgomp1"
    assert found.libraries[1].startswith("libmimalloc")
    files = render(found)
    unit = files["llama-server.service"]
    assert "ExecStart=/usr/bin/taskset -c 0-1 /opt/llama.cpp/bin/llama-server --model" in unit
    assert 'Environment="LD_PRELOAD=libmimalloc.so.2"' in unit
    assert "LimitMEMLOCK" not in unit
    build, final = files["Dockerfile"].split("\nFROM ")[-2:]
    assert f"apt-get install -y --no-install-recommends {' '.join(found.libraries)}\n" in final
    assert "libmimalloc" in build
    assert "export LD_PRELOAD=libmimalloc.so.2" in files["run.sh"]


def test_a_library_of_ours_is_copied_and_said():
    found = deployed("native+hugealloc")
    assert found.environment["LD_PRELOAD"] == "/usr/local/lib/libhugealloc.so"
    assert any("comes with llamabuild" in note for note in found.notes)
    docker = render(found)["Dockerfile"]
    assert "COPY libhugealloc.so /usr/local/lib/libhugealloc.so" in docker


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
    assert shlex.split(command_line({"X": HOSTILE}, ["p", HOSTILE])) == [
        f"X={HOSTILE}",
        "p",
        HOSTILE,
    ]


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
