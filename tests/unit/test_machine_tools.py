"""Finding external programs, with stand-ins on a PATH of the test's own."""

import hashlib
import sys
import types

import pytest

from llamabuild.errors import EnvironmentLacks
from llamabuild.machine import distribution, newest, tools


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Return a function that puts a shell script on an otherwise empty PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    tools.find_tool.cache_clear()
    tools._content.cache_clear()
    newest.major_of.cache_clear()

    def write(name, script, where=folder):
        path = where / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    yield write
    tools.find_tool.cache_clear()
    tools._content.cache_clear()


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def carries(monkeypatch, name, attribute, folder):
    module = types.ModuleType(name)
    setattr(module, attribute, str(folder))
    monkeypatch.setitem(sys.modules, name, module)


def test_a_program_on_path(programs):
    path = programs("objdump", "echo 'GNU objdump 2.40'; echo more")
    tool = tools.find_tool("objdump")
    assert (tool.path, tool.version, tool.sha256) == (str(path), "GNU objdump 2.40", "")


def test_content_of_a_program_reached_by_a_link(programs, tmp_path):
    real = programs("real-ld", "echo 'GNU ld 2.40'")
    (tmp_path / "bin" / "ld").symlink_to(real)
    tool = tools.find_tool("ld", hash_content=True)
    assert tool.sha256 == digest(real)
    assert tool.path.endswith("/ld")


@pytest.mark.parametrize(("driver", "real"), [("gcc", "cc1"), ("g++", "cc1plus"), ("cc", "cc1")])
def test_the_compiler_behind_the_driver_counts(programs, tmp_path, driver, real):
    compiler = tmp_path / real
    compiler.write_text("first")
    script = f'[ "$1" = -print-prog-name={real} ] && echo {compiler} || echo "gcc 12.2.0"'
    path = programs(driver, script)
    first = tools.find_tool(driver, hash_content=True).sha256
    assert first == hashlib.sha256((digest(path) + digest(compiler)).encode()).hexdigest()
    compiler.write_text("second")
    tools.find_tool.cache_clear()
    tools._content.cache_clear()
    assert tools.find_tool(driver, hash_content=True).sha256 != first


def test_a_compiler_without_another_behind_it(programs):
    path = programs("clang", 'case "$1" in -print*) echo cc1;; *) echo "clang 19";; esac')
    assert tools.find_tool("clang", hash_content=True).sha256 == digest(path)


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("cc", "apt-get install gcc"),
        ("c++", "apt-get install g++"),
        ("gcc-13", "apt-get install gcc-13"),
        ("clang++-19", "apt-get install clang-19"),
        ("/opt/gcc/bin/g++-14", "apt-get install g++-14"),
        ("objdump", "apt-get install binutils"),
        ("pkg-config", "apt-get install pkg-config"),
        ("taskset", "apt-get install util-linux"),
        ("llvm-bolt", "apt-get install bolt-19"),
        ("llvm-bolt-16", "apt-get install bolt-16"),
        ("numactl", "apt-get install numactl"),
        ("objdump-9", "install it, or put its folder on PATH"),
        ("frobnicate", "install it, or put its folder on PATH"),
    ],
)
def test_a_missing_program_says_what_to_install(programs, name, remedy):
    with pytest.raises(EnvironmentLacks) as caught:
        tools.find_tool(name)
    assert f"'{name}' was not found" in caught.value.message
    assert caught.value.remedy == remedy
    assert caught.value.exit_code == 5


def test_what_a_missing_program_is_for(programs):
    with pytest.raises(EnvironmentLacks, match=r"needed to compile C\+\+"):
        tools.find_tool("c++")


def test_a_program_that_does_not_run(programs):
    programs("perf", "echo 'perf not found for this kernel' >&2; exit 2")
    with pytest.raises(EnvironmentLacks, match="does not run .*not found for this kernel"):
        tools.find_tool("perf")


def test_cmake_of_the_python_package_goes_before_path(programs, tmp_path, monkeypatch):
    carried = tmp_path / "carried"
    carried.mkdir()
    programs("cmake", "echo cmake version 3.27.0")
    path = programs("cmake", "echo cmake version 4.1.0", carried)
    carries(monkeypatch, "cmake", "CMAKE_BIN_DIR", carried)
    assert tools.find_tool("cmake").path == str(path)


def test_cmake_on_path_when_the_package_is_not_installed(programs, monkeypatch):
    monkeypatch.setitem(sys.modules, "cmake", None)
    path = programs("cmake", "echo cmake version 3.26.0")
    assert tools.find_tool("cmake").path == str(path)


@pytest.mark.parametrize("version", ["cmake version 3.25.1", "cmake version 3.9.6", "who knows"])
def test_a_cmake_that_is_too_old(programs, monkeypatch, version):
    monkeypatch.setitem(sys.modules, "cmake", None)
    programs("cmake", f"echo {version}")
    with pytest.raises(EnvironmentLacks, match=r"at least 3\.26") as caught:
        tools.find_tool("cmake")
    assert "pip install 'cmake>=3.26'" in caught.value.remedy


def test_a_program_is_asked_once(programs, tmp_path):
    programs("git", f"echo asked >> {tmp_path}/log; echo git version 2.39")
    assert tools.find_tool("git") == tools.find_tool("git")
    assert (tmp_path / "log").read_text() == "asked\n"


def compiler(programs, version, name=""):
    """Put clang and clang++ of a version on PATH, under names of their own or bare ones."""
    for base in ("clang", "clang++"):
        programs(f"{base}{name}", f"echo 'Debian clang version {version}.1.7'")


def test_clang_is_the_newest_there_is(programs, tmp_path):
    for version in (9, 18, 19):
        compiler(programs, version, f"-{version}")
    tool = tools.find_tool("clang")
    assert (tool.name, tool.path) == ("clang", str(tmp_path / "bin" / "clang-19"))
    assert "19.1.7" in tool.version
    assert tools.find_tool("clang++").path.endswith("/clang++-19")
    assert tools.find_tool("clang-18").path.endswith("/clang-18")


@pytest.mark.parametrize(("plain", "chosen"), [(14, "clang-19"), (19, "clang"), (20, "clang")])
def test_a_clang_without_a_number_counts_by_what_it_says(programs, plain, chosen):
    compiler(programs, 19, "-19")
    compiler(programs, plain)
    assert tools.find_tool("clang").path.endswith(f"/{chosen}")


def test_a_program_is_called_as_it_is_here(programs):
    compiler(programs, 19, "-19")
    programs("llvm-bolt-19", "echo 'LLVM version 19.1.7'")
    names = ("clang", "clang++", "llvm-bolt", "gcc", "/opt/cc/bin/clang")
    assert [tools.name_here(name) for name in names] == [
        *("clang-19", "clang++-19", "llvm-bolt-19"),
        *("gcc", "/opt/cc/bin/clang"),  # not installed, and named by its path
    ]
    assert [tools.package_here(n) for n in ("clang-19", "llvm-bolt-19", "nothing-1")] == [
        *("clang-19", "bolt-19"),
        "",
    ]


def test_a_program_that_has_a_name_with_its_version_too_is_called_by_that(programs, tmp_path):
    """Packages of a version go with it; plain names belong to whatever version is the default."""
    real = programs("clang-14", "echo 'Debian clang version 14.0.6'")
    programs("clang++-14", "echo 'Debian clang version 14.0.6'")
    for plain in ("clang", "clang++"):
        (tmp_path / "bin" / plain).symlink_to(real)
    assert tools.name_here("clang") == "clang-14"
    assert tools.name_here("clang++") == "clang++"  # the one with the number is another file


def test_a_clang_of_which_half_is_missing_does_not_count(programs):
    compiler(programs, 18, "-18")
    programs("clang-19", "echo clang version 19.1.7")
    programs("clang++-20", "echo clang version 20.1.0")
    assert tools.find_tool("clang").path.endswith("/clang-18")
    assert tools.find_tool("clang++").path.endswith("/clang++-18")


def test_a_program_that_is_there_with_a_version_alone(programs):
    programs("gcc-12", "echo gcc 12.2.0")
    assert tools.find_tool("gcc").path.endswith("/gcc-12")
    programs("gcc", "echo gcc 11.1.0")
    tools.find_tool.cache_clear()
    assert tools.find_tool("gcc").path.endswith("/gcc")


def test_a_file_of_that_name_that_is_no_program_is_no_version(programs, tmp_path):
    compiler(programs, 18, "-18")
    for name in ("clang-99", "clang++-99"):
        (tmp_path / "bin" / name).write_text("")
    assert tools.find_tool("clang").path.endswith("/clang-18")


PERF, UBUNTU_PERF = "linux-perf", "linux-tools-generic"
RELEASES = {
    "debian": ({"ID": "debian", "VERSION_ID": "13"}, PERF, "debian:13-slim"),
    "sid": ({"ID": "debian"}, PERF, "debian:stable-slim"),
    "ubuntu": (
        {"ID": "ubuntu", "ID_LIKE": "debian", "VERSION_ID": "24.04"},
        UBUNTU_PERF,
        "ubuntu:24.04",
    ),
    "mint": ({"ID": "linuxmint", "ID_LIKE": "ubuntu debian"}, UBUNTU_PERF, "debian:stable-slim"),
    "none": ({}, PERF, "debian:stable-slim"),
}


@pytest.mark.parametrize("name", RELEASES)
def test_perf_is_in_another_package_of_ubuntu(programs, monkeypatch, name):
    release, package, image = RELEASES[name]
    monkeypatch.setattr(distribution, "_release", lambda: release)
    distribution.is_ubuntu.cache_clear()
    with pytest.raises(EnvironmentLacks, match=f"apt-get install {package}$"):
        tools.locate_tool("perf")
    assert distribution.container_image() == image
    distribution.is_ubuntu.cache_clear()


def gcc(programs, version, name="", made_by="Debian 12.2.0-14"):
    for base in ("gcc", "g++"):
        programs(f"{base}{name}", f"echo '{base} ({made_by}) {version}.2.0'")


@pytest.mark.parametrize(("plain", "chosen"), [(12, "gcc-13"), (13, "gcc"), (14, "gcc")])
def test_gcc_is_the_newest_there_is_and_cc_what_it_was(programs, plain, chosen):
    gcc(programs, 13, "-13")
    gcc(programs, plain)
    for name in ("cc", "c++"):
        programs(name, "echo 'gcc (Debian 12.2.0-14) 12.2.0'")
    assert tools.find_tool("gcc").path.endswith(f"/{chosen}")
    assert tools.find_tool("g++").path.endswith(f"/{chosen.replace('gcc', 'g++')}")
    assert tools.find_tool("cc").path.endswith("/cc")
    assert tools.find_tool("c++").path.endswith("/c++")


def test_a_gcc_without_its_g_is_not_the_newest(programs):
    gcc(programs, 12)
    programs("gcc-13", "echo 'gcc (Debian 13.2.0-1) 13.2.0'")
    assert tools.find_tool("gcc").path.endswith("/gcc")


def test_the_version_of_the_packager_is_not_that_of_gcc(programs):
    gcc(programs, 13, "-13")
    gcc(programs, 14, made_by="crosstool-NG 1.26.0")
    assert tools.find_tool("gcc").path.endswith("/gcc")


def test_one_gcc_under_two_names_is_one_compiler(programs, tmp_path):
    """Its content is part of a build's id, not its name."""
    programs("gcc-13", "echo 'gcc (Debian 13.2.0-1) 13.2.0'")
    programs("g++-13", "echo 'g++ (Debian 13.2.0-1) 13.2.0'")
    (tmp_path / "bin" / "gcc").symlink_to("gcc-13")
    (tmp_path / "bin" / "cc").symlink_to("gcc-13")
    digests = {tools.find_tool(n, hash_content=True).sha256 for n in ("cc", "gcc", "gcc-13")}
    assert len(digests) == 1


def test_a_program_is_located_without_running_it(programs, tmp_path):
    path = programs("git", f"echo ran >> {tmp_path}/log")
    assert tools.locate_tool("git") == path
    assert not (tmp_path / "log").exists()
    with pytest.raises(EnvironmentLacks, match="'gcc' was not found.*apt-get install gcc"):
        tools.locate_tool("gcc")


def test_all_that_are_there(programs, monkeypatch):
    for name in ("cmake", "ninja"):
        monkeypatch.setitem(sys.modules, name, None)
    programs("git", "echo git version 2.39")
    programs("ninja", "echo 1.11.1")
    programs("cmake", "echo cmake version 3.20.0")
    assert set(tools.find_tools()) == {"git", "ninja"}


def test_every_program_has_a_package():
    assert all(entry.debian and entry.purpose for entry in tools.tool_table().values())
    assert tools.tool_table()["cmake"].minimum == "3.26"
