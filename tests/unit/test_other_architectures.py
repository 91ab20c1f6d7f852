"""Variants for another CPU in a run without names: rows with a reason that cost nothing else."""

import json
from types import SimpleNamespace

import msgspec
import pytest

from llamabuild.cli.variants import exit_of
from llamabuild.compare import compare_run
from llamabuild.report.html import render_html
from llamabuild.report.material import prepare
from llamabuild.report.text import render_text
from llamabuild.report.write import render_json
from llamabuild.variants import load_catalogue
from tests import report_fixture as fixture
from tests.runs import CPU, SOURCE, chosen, make_run

FOREIGN = ("armv8", "dotprod", "i8mm", "sve")
WHY = "for aarch64; this CPU is x86_64"


@pytest.fixture(scope="module")
def foreign():
    _, arms = chosen(load_catalogue(SOURCE.spec, []), CPU)
    return tuple(arm for arm in arms if arm.reason == WHY)


@pytest.fixture(scope="module")
def material(foreign):
    run = fixture.run()
    run = msgspec.structs.replace(run, arms=(*run.arms, *foreign))
    trials = fixture.trials()
    return prepare(run, trials, compare_run(run, trials), "")


def test_each_is_in_every_form_of_the_report_with_its_reason(material, foreign):
    assert [arm.name for arm in foreign] == list(FOREIGN)
    text, page = render_text(material.document), render_html(material)
    rows = json.loads(render_json(material.document))["variants"]
    by_name = {row["name"]: row for row in rows}
    for name in FOREIGN:
        assert (by_name[name]["status"], by_name[name]["reason"]) == ("unsupported", WHY)
        assert name in page
        assert name in text
    assert WHY in " ".join(text.split())
    assert WHY in page


def test_nobody_asked_for_them_so_that_the_run_ends_well(foreign):
    quiet = SimpleNamespace(noise=(), discarded=(), blocks=3)
    exit_of(make_run(arms=foreign), quiet)
