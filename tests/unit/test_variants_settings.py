"""``native+threads=4``: settings as parts of a name, and axes made of them."""

from pathlib import Path

import pytest

from llamabuild.bench.dialect import Dialect
from llamabuild.bench.driver import DRIVERS
from llamabuild.bench.llama_bench import bench_argv
from llamabuild.bench.task import Task
from llamabuild.errors import BadInput
from llamabuild.types.run import Axis
from llamabuild.variants import CannotCombine, load_catalogue
from llamabuild.variants.axes import MOST_POINTS, make_axis, make_sweep
from llamabuild.variants.bench_options import by_option
from llamabuild.variants.selection import cross
from llamabuild.variants.settings import checked_value, settings
from tests.runs import TG

HERE = {"threads": "6", "twice": "12", "affinity": "first-1 cores mask node-0"}


@pytest.fixture(scope="module")
def catalogue():
    return load_catalogue("pypi:llama-cpp-python==0.3.36", [])


def test_a_setting_changes_how_it_is_run_and_nothing_of_the_build(catalogue):
    variant = catalogue.get("native+threads=4+kv-cache=q8_0")
    assert variant.runtime.bench == ("-t", "4", "-ctk", "q8_0", "-ctv", "q8_0")
    native = catalogue.get("native")
    for key in ("cmake", "flags", "optimize", "toolchain", "source", "expect"):
        assert getattr(variant, key) == getattr(native, key)
    assert variant.parts == ("native", "threads=4", "kv-cache=q8_0")
    assert catalogue.knows("native+threads=4")


def test_a_launcher_comes_before_the_program(catalogue):
    runtime = catalogue.get("native+cpus=0,2-3+poll=0").runtime
    assert runtime.launcher == ("taskset", "-c", "0,2-3")
    task = Task(model=Path("m.gguf"), workload=TG, repetitions=1, threads=2)
    argv = bench_argv(Path("llama-bench"), task, runtime, Dialect(format="jsonl", choices={}))
    assert argv[:4] == ["taskset", "-c", "0,2-3", "llama-bench"]
    assert argv[argv.index("--poll") + 1] == "0"


def test_huge_pages_come_with_glibc_and_no_other_allocator(catalogue):
    variant = catalogue.get("native+huge-pages=on")
    assert variant.allocator.name == "glibc"
    assert variant.runtime.bench == ("-lm", "none")
    with pytest.raises(CannotCombine, match=r"allocator.name is 'mimalloc' in .* and 'glibc'"):
        catalogue.get("native+mimalloc+huge-pages=on")


def test_what_a_launcher_needs_is_required(catalogue):
    assert catalogue.get("native+node=0").requires.tools == ("numactl",)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("native+threads=0", "'threads=0' is not a value for threads that compute.*threads=4"),
        ("native+threads=", "is not a value"),
        ("native+thread=4", "unknown setting 'thread': did you mean 'threads'"),
        ("threads=4+native", "says how something is run.*native\\+threads=4"),
        ("native+load-mode=mmap;rm", "is not a value"),
    ],
)
def test_wrong_settings_get_a_reason_and_a_remedy(catalogue, name, says):
    with pytest.raises(BadInput, match=says):
        catalogue.get(name)
    assert not catalogue.knows(name)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("native+threads=2+threads=4", "runtime.bench -t is '2' in 'threads=2' and '4'"),
        ("no-mmap+load-mode=mmap", "-lm is 'none' in 'no-mmap' and 'mmap'"),
        ("native+cpus=0+cpus=1", "runtime.launcher taskset"),
        ("native+parallel=1+parallel=2", "runtime.mode is '1' in 'parallel=1' and '2'"),
        ("native+parallel=1+prompt-cache=on", "runtime.program is 'llama-batched-bench'"),
        ("native+kv-cache=q4_0+flash-attention=off", "with fused attention alone"),
    ],
)
def test_settings_that_contradict_each_other_do_not_go_together(catalogue, name, says):
    with pytest.raises(CannotCombine, match=says):
        catalogue.get(name)


@pytest.mark.parametrize("name", settings())
def test_every_setting_has_an_example_and_an_effect(name):
    setting = settings()[name]
    checked_value(name, setting.example)
    does = setting.bench or setting.launcher or setting.threads or name == "affinity"
    assert does or setting.program in DRIVERS or setting.quantization
    assert bool(setting.value) != bool(setting.choices)
    assert not set(by_option(setting.bench)) & {"-m", "-p", "-n", "-o", "-r", "-pg"}
    assert "+" not in setting.example
    for word in setting.sweep and make_axis(name, (), HERE).values:
        checked_value(name, word)


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (["1..4"], ("1", "2", "3", "4")),
        (["1..8*2"], ("1", "2", "4", "8")),
        (["1..7*2", "7"], ("1", "2", "4", "7")),
        (["8", "1..3"], ("1", "2", "3", "8")),
        (["1..9+4"], ("1", "5", "9")),
        ([], ("1", "2", "4", "6", "12")),
    ],
)
def test_values_and_ranges(words, values):
    assert make_axis("threads", words, HERE).values == values


@pytest.mark.parametrize("word", ["4..1", "1..8*1", "0..8*2", "1..8+0", "1..9999"])
def test_what_is_not_a_range(word):
    with pytest.raises(BadInput, match="range|more than"):
        make_axis("threads", [word], HERE)


def test_an_axis_without_values_that_suit_all_machines_asks_for_some():
    with pytest.raises(BadInput, match="sweep cpus 0-3"):
        make_axis("cpus", [], HERE)


def axis(setting, *values):
    return Axis(setting=setting, what="", values=values)


def test_points_of_one_axis_begin_with_the_default():
    points = make_sweep("native", [axis("poll", "0", "100")]).points
    assert [p.variant for p in points] == ["native", "native+poll=0", "native+poll=100"]
    assert [p.values for p in points] == [("",), ("0",), ("100",)]


def test_threads_begin_with_the_fewest():
    points = make_sweep("native", [axis("threads", "1", "2")]).points
    assert [p.variant for p in points] == ["native+threads=1", "native+threads=2"]


def test_any_option_of_llama_bench_is_an_axis(catalogue):
    made = make_axis("arg:--cpu-strict", ["0", "1"], HERE)
    assert made.what == "llama-bench's --cpu-strict"
    names = [p.variant for p in make_sweep("native", [made, axis("poll", "0")]).points]
    assert names[1:] == ["native+arg:--cpu-strict=0+poll=0", "native+arg:--cpu-strict=1+poll=0"]
    assert catalogue.get(names[2]).runtime.bench == ("--cpu-strict", "1", "--poll", "0")
    override = catalogue.get("native+arg:-ot=ffn_.*=CPU")
    assert override.runtime.bench == ("-ot", "ffn_.*=CPU")


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("arg:-m", "other.gguf", "'-m' is not a variant's to set"),
        ("arg:--n-gen", "5", "not a variant's to set"),
        ("arg:--output", "csv", "not a variant's to set"),
        ("arg:-b", "32-64", "several tests"),
        ("arg:-b", "32,64", "not a value"),
        ("arg:-dev", "--list-devices", "not a value"),
        ("arg:-ot", "a b", "not a value"),
        ("arg:rm", "1", "names no option"),
    ],
)
def test_what_an_option_may_not_be(name, value, says):
    with pytest.raises(BadInput, match=says):
        make_axis(name, [value], HERE)


def test_an_option_and_the_setting_of_the_same_contradict_each_other(catalogue):
    with pytest.raises(CannotCombine, match="-b"):
        catalogue.get("native+batch=64+arg:--batch-size=32")


def test_points_of_another_program_have_no_default():
    points = make_sweep("native", [axis("speculative", "ngram-mod", "draft")]).points
    assert [p.values for p in points] == [("off",), ("ngram-mod",), ("draft",)]
    assert points[0].variant == "native+speculative=off"
    points = make_sweep("native", [axis("prompt-cache", "on", "off")]).points
    assert [p.values for p in points] == [("off",), ("on",)]
    points = make_sweep("native", [axis("parallel", "2", "4")]).points
    assert [p.values for p in points] == [("2",), ("4",)]  # more should bring more: from the least


def test_all_points_run_the_one_program(catalogue):
    axes = [axis("parallel", "1", "4"), axis("kv-cache", "q8_0")]
    points = make_sweep("native", axes).points
    assert [p.values for p in points] == [("1", ""), ("1", "q8_0"), ("4", "q8_0")]
    runtimes = [catalogue.get(p.variant).runtime for p in points]
    assert {runtime.program for runtime in runtimes} == {"llama-batched-bench"}
    assert [runtime.mode for runtime in runtimes] == ["1", "1", "4"]
    with pytest.raises(BadInput, match="parallel and prompt-cache run different programs"):
        make_sweep("native", [axis("parallel", "1"), axis("prompt-cache", "on")])


def test_axes_are_crossed():
    axes = [axis("threads", "1", "2"), axis("poll", "0", "100")]
    points = make_sweep("pgo+mimalloc", axes).points
    assert len(points) == 5
    assert points[-1].variant == "pgo+mimalloc+threads=2+poll=100"
    assert points[-1].values == ("2", "100")


def test_too_many_points_and_an_axis_twice_are_refused():
    many = axis("threads", *map(str, range(1, 60)))
    with pytest.raises(BadInput, match=str(MOST_POINTS)):
        make_sweep("native", [many, axis("poll", *map(str, range(9)))])
    with pytest.raises(BadInput, match="twice"):
        make_sweep("native", [many, many])


def test_settings_may_be_entries_of_a_crossing(catalogue, tmp_path):
    file = tmp_path / "cross.toml"
    file.write_text('base = "native"\naxes = [["gcc", "clang"], ["", "threads=2"]]\n')
    names = [each.name for each in cross(catalogue, file)]
    assert names == ["native+gcc", "native+gcc+threads=2", "native+clang", "native+clang+threads=2"]
    file.write_text('base = "native"\naxes = [["threads=none"]]\n')
    with pytest.raises(BadInput, match="not a value for threads"):
        cross(catalogue, file)


def test_a_file_names_no_launcher(tmp_path):
    (tmp_path / "own.toml").write_text('description = "d"\n[runtime]\nlauncher = ["rm"]\n')
    with pytest.raises(BadInput, match="launcher is not for files"):
        load_catalogue("pypi:x==1", [tmp_path])
    (tmp_path / "own.toml").write_text('description = "d"\n[runtime]\nprogram = "rm"\n')
    with pytest.raises(BadInput, match="program is not for files"):
        load_catalogue("pypi:x==1", [tmp_path])
