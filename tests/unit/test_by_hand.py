"""Commands for people: where a tree comes from, what it may lack, what programs are called here."""

import subprocess

import msgspec
import pytest

from llamabuild.build.by_hand import provided_by_hand, tree_by_hand, version_here
from llamabuild.build.layouts import Layout, pinned_layout
from llamabuild.build.plan import by_hand
from llamabuild.errors import EnvironmentLacks
from llamabuild.machine import tools
from llamabuild.types.machine import Tool
from llamabuild.types.variant import Optimize, Toolchain
from llamabuild.variants import load_catalogue

FORK = "pypi:ik-llama-cpp-python==0.1.5"
BOLT = "/usr/lib/llvm-22/bin/llvm-bolt"
LLAMA = "pypi:llama-cpp-python==0.3.36"


def variant(**changes):
    return msgspec.structs.replace(load_catalogue(LLAMA, []).get("native"), **changes)


def test_a_pinned_package_is_downloaded_unpacked_and_put_in_its_place():
    download, unpack, put = tree_by_hand(FORK)
    assert download[-2:] == ("ik-llama-cpp-python", "ik-llama-cpp-python==0.1.5")
    assert unpack == ("tar", "-xf", "ik_llama_cpp_python-0.1.5.tar.gz")
    assert put == ("mv", "ik_llama_cpp_python-0.1.5/vendor/ik_llama.cpp", "llama.cpp")


def test_of_a_repository_the_commit_is_fetched_that_was_measured():
    source = "git:https://example.org/x.git@main"
    _, fetch, _ = tree_by_hand(source, "0123abc")
    assert fetch[-2:] == ("https://example.org/x.git", "0123abc")
    assert tree_by_hand(source)[1][-1] == "main"


def test_what_a_repository_s_commands_do(tmp_path):
    """A branch that is not the default one, as it is."""
    git = ("git", "-c", "user.name=x", "-c", "user.email=x@example.org", "-C", "origin")
    subprocess.run(["git", "init", "-q", "-b", "main", "origin"], cwd=tmp_path, check=True)
    for branch, text in (("main", "one"), ("other", "two")):
        subprocess.run([*git, "checkout", "-q", "-B", branch], cwd=tmp_path, check=True)
        (tmp_path / "origin" / "file").write_text(text)
        subprocess.run([*git, "add", "file"], cwd=tmp_path, check=True)
        subprocess.run([*git, "commit", "-q", "-m", text], cwd=tmp_path, check=True)
    subprocess.run([*git, "checkout", "-q", "main"], cwd=tmp_path, check=True)
    for command in tree_by_hand(f"git:file://{tmp_path}/origin@other"):
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "llama.cpp" / "file").read_text() == "two"


@pytest.mark.parametrize("source", ["path:/x", "pypi:llama-cpp-python==0.0.1"])
def test_where_no_command_is_known_none_is_given(source):
    assert tree_by_hand(source) == ()
    assert pinned_layout(source) is None


def test_what_is_pinned_has_a_known_layout():
    assert pinned_layout(FORK).absent
    assert pinned_layout(LLAMA) == Layout()


def test_a_file_that_a_tree_lacks_is_written_and_one_that_is_there_stays(tmp_path):
    lines = ("a 'b' $c", 'd \\n "e" %s')
    (tmp_path / "llama.cpp").mkdir()
    (tmp_path / "llama.cpp" / "kept").write_text("as it was")
    for command in provided_by_hand({"new/er/file": lines, "kept": ("other",)}):
        subprocess.run(command, cwd=tmp_path, check=True)
    assert (tmp_path / "llama.cpp/new/er/file").read_text() == "\n".join(lines) + "\n"
    assert (tmp_path / "llama.cpp/kept").read_text() == "as it was"


@pytest.fixture
def only_22(monkeypatch):
    """A machine where all of LLVM has a version in its name."""

    def locate(name):
        if not name.startswith(("clang", "llvm")):
            raise EnvironmentLacks(name, "")
        return tools.Path(f"/usr/bin/{name}-22")

    monkeypatch.setattr(tools, "locate_tool", locate)
    tool = Tool(name="llvm-bolt-22", path=BOLT, version="LLVM version 22.1.8", sha256="")
    monkeypatch.setattr("llamabuild.build.by_hand.bolt_tool", lambda: tool)


@pytest.mark.usefixtures("only_22")
def test_programs_are_called_as_they_are_here():
    clang = variant(
        toolchain=Toolchain(c="clang", cxx="clang++"), optimize=Optimize(pgo=True, bolt=True)
    )
    commands = by_hand(clang)
    assert {"-DCMAKE_C_COMPILER=clang-22", "-DCMAKE_CXX_COMPILER=clang++-22"} <= set(commands[0])
    programs = [command[0] for command in commands]
    assert programs.count("llvm-profdata-22") == 1
    assert programs.count(BOLT) == 4
    assert version_here("gcc") == version_here("") == ""


@pytest.mark.usefixtures("only_22")
def test_what_a_tree_lacks_comes_before_everything_else():
    commands = by_hand(variant(), pinned_layout(FORK))
    assert [command[0] for command in commands] == ["sh", "cmake", "cmake"]
    assert "-DCMAKE_LIBRARY_OUTPUT_DIRECTORY=$<TARGET_FILE_DIR:llama-bench>" in commands[1]
