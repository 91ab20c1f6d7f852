"""Other trees in one run: a fork with its own llama-bench, built, inspected, checked, measured."""

import json

import pytest

from llamabuild.source import resolve_source
from llamabuild.source.resolve import verify_source
from llamabuild.store.results import Results
from tests.real.conftest import run_llamabuild

FORK = "pypi:ik-llama-cpp-python==0.1.5"


# Not the default model: this version of the fork computes Q4_1 wrongly on some CPUs, which makes
# the equivalence check refuse it.
MODEL = "synthetic:135M:Q4_K_M"


@pytest.fixture(scope="module")
def document(built, tmp_path_factory):
    """The fork, as it is and repacked at run time, beside native; run once."""
    folder = tmp_path_factory.mktemp("trees")
    result = run_llamabuild(
        *(
            "variants",
            "ik",
            "ik-rtr",
            "--baseline",
            "native",
            "--model",
            MODEL,
            "--quick",
            "--json",
        ),
        cwd=folder,
    )
    assert result.returncode in {0, 3}, result.stderr
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def stored(document):
    """The run and its trials."""
    with Results.open() as results:
        run_id = document["run"]["id"]
        return results.run(run_id), results.trials(run_id)


def test_the_fork_is_built_inspected_checked_and_measured(document):
    assert [v["name"] for v in document["variants"]] == ["native", "ik", "ik-rtr"]
    for variant in document["variants"]:
        assert variant["status"] == "ready", variant["reason"]
        assert variant["inspection"]["verdict"] == "passed"
        assert variant["equivalence"]["verdict"] in {"same", "baseline"}
        assert all(w["median"] > 0 for w in variant["workloads"])


def test_each_arm_has_its_own_source_and_one_build_serves_both_ways_to_run_it(stored):
    run, _ = stored
    arms = {arm.name: arm for arm in run.arms}
    assert arms["native"].source is None
    assert arms["ik"].source.spec == arms["ik-rtr"].source.spec == FORK
    assert arms["ik"].build.id == arms["ik-rtr"].build.id
    assert arms["ik"].build.plan.source_digest == arms["ik"].source.digest
    assert arms["ik"].build.plan.source_digest != run.source.digest


def test_the_fork_s_own_fields_are_stored(stored):
    """``repack`` is a field of both, with another meaning: at run time in the fork."""
    _, trials = stored
    fields = {
        name: [t.output for t in trials if t.arm == name] for name in ("native", "ik", "ik-rtr")
    }
    assert not any("mqkv" in output for output in fields["native"])
    assert all("mqkv" in output for output in (*fields["ik"], *fields["ik-rtr"]))
    assert {bool(output["repack"]) for output in fields["ik"]} == {False}
    assert {bool(output["repack"]) for output in fields["ik-rtr"]} == {True}


def test_a_build_leaves_its_source_as_it_was(document):
    verify_source(resolve_source(FORK))
