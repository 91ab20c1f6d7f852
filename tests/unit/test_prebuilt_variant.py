"""``prebuilt:PATH`` on the command line: names, sources, and which arm it becomes."""

import pytest

from llamabuild.errors import BadInput
from llamabuild.variants import load_catalogue
from llamabuild.variants.prebuilt import prebuilt_path, prebuilt_variant
from tests.runs import CPU, SOURCE, chosen


@pytest.fixture
def catalogue():
    return load_catalogue(SOURCE.spec, [])


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "llama-bench"
    path.write_text("not looked at yet")
    return path


def test_it_is_named_after_the_file_and_keeps_the_whole_path(program):
    variant = prebuilt_variant(f"prebuilt:{program}")
    assert variant.name == "prebuilt:llama-bench"
    assert variant.kind == "prebuilt"
    assert prebuilt_path(variant) == program


def test_a_relative_path_becomes_absolute(program, monkeypatch):
    monkeypatch.chdir(program.parent)
    assert prebuilt_variant("prebuilt:llama-bench").source == f"prebuilt:{program}"


def test_how_it_is_run_names_no_folder(program):
    environment = prebuilt_variant(f"prebuilt:{program}").runtime.environment
    assert str(program.parent) not in repr(environment)


def test_a_name_is_safe_in_tables_and_file_names(tmp_path):
    folder = tmp_path / ("a\x1b[31m|b c" + "x" * 90)
    folder.mkdir()
    name = prebuilt_variant(f"prebuilt:{folder}").name
    assert name.startswith("prebuilt:a-31m-b-c")
    assert len(name) < 60


@pytest.mark.parametrize("spec", ["prebuilt:", "prebuilt:/no/such/llama-bench", "prebuilt:a\0b"])
def test_what_is_not_there_is_refused(spec):
    with pytest.raises(BadInput, match="no such file or folder"):
        prebuilt_variant(spec)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("prebuilt:" + "x" * 5000, "File name too long"),
        ("prebuilt:~nobody-of-this-name/x", "home"),
    ],
)
def test_what_cannot_be_looked_at_is_refused(spec, says):
    with pytest.raises(BadInput, match=says):
        prebuilt_variant(spec)


def test_the_catalogue_knows_it(catalogue, program):
    assert catalogue.get(f"prebuilt:{program}").kind == "prebuilt"


def test_two_programs_of_one_name_are_two_arms(catalogue, program, tmp_path):
    other = tmp_path / "other" / "llama-bench"
    other.parent.mkdir()
    other.write_text("another")
    names = [f"prebuilt:{path}" for path in (program, other, program)]
    _, arms = chosen(catalogue, CPU, ("native", *names), None)
    assert [arm.name for arm in arms] == [
        "native",
        "prebuilt:llama-bench",
        "prebuilt:llama-bench-2",
    ]
    assert [prebuilt_path(arm.variant) for arm in arms[1:]] == [program, other]
    assert {arm.status for arm in arms} == {"pending"}


def test_one_path_in_two_spellings_is_one_arm(catalogue, program, monkeypatch):
    monkeypatch.chdir(program.parent)
    names = (f"prebuilt:{program}", "prebuilt:llama-bench")
    _, arms = chosen(catalogue, CPU, names, None)
    assert [arm.name for arm in arms] == ["native", "prebuilt:llama-bench"]


def test_it_cannot_be_the_baseline(catalogue, program):
    with pytest.raises(BadInput, match="cannot be the baseline"):
        chosen(catalogue, CPU, (), f"prebuilt:{program}")
