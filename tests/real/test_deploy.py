"""The commands that carry a result: they configure real trees, and those know their targets."""

import shutil
import subprocess
from pathlib import Path

import pytest

from llamabuild.build import make_plan
from llamabuild.build.layouts import layout_of, pinned_layout
from llamabuild.optimize.deploy import render
from llamabuild.pipeline.optimize_deploy import deployment_of
from llamabuild.source import resolve_source
from llamabuild.source.pins import load_pins
from llamabuild.variants import load_catalogue


@pytest.fixture(scope="module", params=["native+repack=0", "ik-rtr+load-mode=none"])
def folder(request, tmp_path_factory):
    """A tree beside the files of a deployment; the folder, and the deployment."""
    variant = load_catalogue(load_pins().default, []).get(request.param)
    source = resolve_source(variant.source)
    assert layout_of(source) == pinned_layout(variant.source), "pins.toml names its layout"
    plan = make_plan(variant, source, jobs=2, compiler_cache=False)
    deployment = deployment_of(variant, plan, source, threads=2)
    place = tmp_path_factory.mktemp("deploy")
    shutil.copytree(source.tree, place / "llama.cpp")
    for name, text in render(deployment).items():
        (place / name).write_text(text)
    return place, deployment


def call(*words, cwd):
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def test_the_script_configures_the_tree_and_names_targets_that_it_has(folder):
    place, deployment = folder
    script = (place / "build.sh").read_text().splitlines()
    *before, build = [line for line in script if not line.startswith("#")]
    assert build.startswith("cmake --build ")
    # All but the compilation, of which Ninja says what it would do.
    (place / "dry.sh").write_text("\n".join([*before, f"{build} -- -n", ""]))
    planned = call("sh", "dry.sh", cwd=place)
    for program in ("llama-server", "llama-cli"):
        assert f"Linking CXX executable bin/{program}" in planned
    # Compiled in earnest: it takes the generated file that archives of the fork cannot make.
    target = "build_info" if "ik" in deployment.variant else "llama-common-base"
    call("cmake", "--build", deployment.folder, "--target", target, cwd=place)


def test_libraries_come_to_lie_beside_the_programs(folder):
    place, deployment = folder
    rules = (place / deployment.folder / "build.ninja").read_text()
    linked = [
        line.split()[1].rstrip(":")
        for line in rules.splitlines()
        if line.startswith("build ") and "SHARED_LIBRARY_LINKER" in line
    ]
    assert linked
    assert {str(Path(path).parent) for path in linked} == {"bin"}
