"""Which variants are wanted: names, sets, and files of axes."""

import pytest
from click.testing import CliRunner

from llamabuild.cli import cli
from llamabuild.errors import BadInput
from llamabuild.variants import Wanted, load_catalogue, wanted
from llamabuild.variants.kinds import KINDS

SOURCE = "pypi:llama-cpp-python==0.3.36"


@pytest.fixture(scope="module")
def catalogue():
    return load_catalogue(SOURCE, [])


def names(items):
    return [item.name for item in items]


def test_without_a_wish_the_instruction_sets_and_the_users_own(tmp_path):
    (tmp_path / "mine.toml").write_text('extends = "native"\ndescription = "mine"')
    chosen = names(wanted(load_catalogue(SOURCE, [tmp_path]), ()))
    assert chosen[:3] == ["generic", "sse42", "avx2"]
    assert chosen[-1] == "mine"
    assert "native" in chosen
    assert "armv8" in chosen
    assert not {"clang", "mimalloc"} & set(chosen)


def test_names_are_taken_as_they_are(catalogue):
    assert names(wanted(catalogue, ("native+pgo", "avx2", "native+pgo"))) == [
        "native+pgo",
        "avx2",
    ]


def test_sets_add_to_names(catalogue):
    chosen = names(wanted(catalogue, ("avx2",), ("optimization", "runtime")))
    assert chosen == ["avx2", "bolt", "clang-pgo", "pgo", "pgo-bolt", "no-mmap"]


def test_all_is_all_of_every_architecture(catalogue):
    chosen = names(wanted(catalogue, (), ("all",)))
    assert len(chosen) >= 24
    assert chosen == list(catalogue.names())
    assert len(set(chosen)) == len(chosen)


def test_what_is_left_out_of_a_set(catalogue):
    everything = names(wanted(catalogue, (), ("all",)))
    less = names(wanted(catalogue, (), ("all",), without=("generic", "sse42")))
    assert less == [name for name in everything if name not in {"generic", "sse42"}]
    with pytest.raises(BadInput, match="'genric' is to be left out.*did you mean 'generic'"):
        wanted(catalogue, (), ("all",), without=("genric",))
    with pytest.raises(BadInput, match="nothing of that name was asked for"):
        wanted(catalogue, ("avx2",), without=("generic",))


def test_every_kind_is_a_set(catalogue):
    of_sets = [name for kind in KINDS for name in catalogue.in_set(kind)]
    assert of_sets == list(catalogue.names()) == list(catalogue.in_set("all"))


def test_an_unknown_set(catalogue):
    with pytest.raises(BadInput, match="unknown set of variants 'alocators'.*mean 'allocators'"):
        wanted(catalogue, (), ("alocators",))


@pytest.fixture
def crossed(tmp_path, catalogue):
    def run(text):
        path = tmp_path / "axes.toml"
        path.write_text(text)
        return wanted(catalogue, (), (), path)

    return run


def test_axes_are_crossed(crossed):
    items = crossed(
        'base = "native"\naxes = [["gcc", "clang-19"], ["", "pgo"], ["", "mimalloc"]]\n'
        'names = ["avx2", "native+gcc"]'
    )
    assert names(items) == [
        "native+gcc",
        "native+gcc+mimalloc",
        "native+gcc+pgo",
        "native+gcc+pgo+mimalloc",
        "native+clang-19",
        "native+clang-19+mimalloc",
        "native+clang-19+pgo",
        "native+clang-19+pgo+mimalloc",
        "avx2",
    ]
    assert not any(item.reason for item in items)


def test_a_combination_that_cannot_be_is_there_with_its_reason(crossed):
    items = crossed('base = "native"\naxes = [["gcc", "clang"], ["", "clang-lto"]]')
    reasons = {item.name: item.reason for item in items}
    assert list(reasons) == [
        "native+gcc",
        "native+gcc+clang-lto",
        "native+clang",
        "native+clang+clang-lto",
    ]
    assert "toolchain.c is 'gcc' in 'gcc'" in reasons.pop("native+gcc+clang-lto")
    assert set(reasons.values()) == {""}


def test_a_program_that_somebody_built_can_be_named_beside_the_axes(crossed):
    wanted = crossed('base = "avx2"\naxes = []\nnames = ["prebuilt:/bin/true"]')
    assert [each.name for each in wanted] == ["avx2", "prebuilt:/bin/true"]


def test_no_axes_is_the_base_alone(crossed):
    assert crossed('base = "avx2"\naxes = []') == (Wanted(name="avx2"),)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('axes = [["gcc"]]', "missing required field `base`"),
        ('base = "native"\naxis = []', "unknown key 'axis'.*did you mean 'axes'"),
        ('base = "native"\naxes = "gcc"', "axes: Expected `array`"),
        ('base = "native"\naxes = [["gcc", 3]]', r"axes\[0\]\[1\]: Expected `str`"),
        ('base = "native"\naxes = [[]]', r"axes\[0\] is empty"),
        ('base = "natve"\naxes = []', "base: unknown variant 'natve'.*'native'"),
        ('base = ""\naxes = []', "base: unknown variant ''"),
        ('base = "native"\naxes = [["pog"]]', r"axes\[0\]: unknown variant 'pog'.*'pgo'"),
        ('base = "native"\naxes = []\nnames = [""]', "names: unknown variant ''"),
        (f'base = "native"\naxes = {[["", "gcc"]] * 8}', "more than 200 combinations"),
        (f'base = "native"\naxes = {[["", "gcc"]] * 9999}', "more than 200 combinations"),
        ("base = ", "not valid TOML"),
    ],
)
def test_a_wrong_file_of_axes_gets_one_clear_line(crossed, text, says):
    with pytest.raises(BadInput, match=says) as caught:
        crossed(text)
    assert "axes.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_of_axes_that_is_not_there(catalogue, tmp_path):
    with pytest.raises(BadInput, match="not a file"):
        wanted(catalogue, (), (), tmp_path / "none.toml")


@pytest.fixture
def requested(monkeypatch):
    """The request that a command line makes, without doing anything."""
    seen = []

    def note(request, *, as_json):
        seen.append(request)

    monkeypatch.setattr("llamabuild.cli.build.print_plan", note)

    def run(*arguments):
        result = CliRunner().invoke(cli, arguments)
        assert result.exit_code == 0, result.output
        return seen[-1]

    return run


@pytest.mark.parametrize("command", [("plan",), ("variants", "--dry-run")])
def test_the_command_line_takes_sets_and_axes(requested, tmp_path, command):
    path = tmp_path / "axes.toml"
    request = requested(*command, "--set", "simd, compilers", "--set=runtime", "--cross", str(path))
    assert request.sets == ("simd", "compilers", "runtime")
    assert request.cross == path
    assert request.without == ()
    assert requested(*command, "--set=all", "--without=a,b").without == ("a", "b")
    assert requested(*command).sets == ()
    assert requested(*command).cross is None
