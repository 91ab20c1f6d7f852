"""Whether to believe a run, at a glance: nothing counts as checked or measured that was not."""

from __future__ import annotations

import msgspec
import pytest

from llamabuild.report.checks import GOOD, WARN, checks
from llamabuild.report.copies import with_copies_named
from llamabuild.report.markdown import render_markdown
from llamabuild.report.material import prepare
from llamabuild.report.reasons import by_reason
from llamabuild.report.text import render_text
from llamabuild.types.comparison import NOT_MEASURED, ComparisonSet
from llamabuild.types.proof import Allocation
from llamabuild.types.run import Equivalence
from tests.report_fixture import catalogue

NOTHING = ComparisonSet(blocks=0, look=0, alpha=0.01, decided=False, noise=(), comparisons=())
MEASURED, OUTPUT, ALLOCATOR = "builds measured", "output", "Allocator in use"
replace = msgspec.structs.replace


@pytest.fixture(scope="module")
def run():
    return catalogue.run()


@pytest.fixture(scope="module")
def comparisons():
    return catalogue.comparison_set()


def document(run, comparisons, **arms):
    """Return the document of the run with some arms changed."""
    changed = tuple(replace(arm, **arms.get(arm.name, {})) for arm in run.arms)
    return prepare(replace(run, arms=changed), (), comparisons).document


def check(document, word):
    (found,) = [item for item in checks(document) if word.lower() in item[1].lower()]
    return found


def test_output_that_nobody_looked_at_is_not_passed_over(run, comparisons):
    reason = "there is no llama-perplexity beside it"
    unknown = {"equivalence": Equivalence(verdict="not checked", reason=reason)}
    found = document(run, comparisons, lto=unknown, bolt=unknown)
    state, headline, detail = check(found, OUTPUT)
    assert state == WARN
    assert headline == "Same output in 32 of 33, 2 not checked"
    assert detail.endswith("; not checked, timed all the same: lto, bolt")
    line = f"not checked, timed all the same: lto, bolt: {reason}"
    assert line in " ".join(render_text(found).split())
    assert line in render_markdown(found).replace("\\", "")


def test_only_what_was_timed_is_said_to_be(run, comparisons):
    # Builds that failed were not checked either, and were not timed.
    state, headline, detail = check(document(run, comparisons), OUTPUT)
    assert (state, headline) == (WARN, "Same output in 34 of 35")
    assert detail == "different, therefore not timed: ofast"
    ready = replace(run, arms=tuple(arm for arm in run.arms if arm.status == "ready"))
    assert check(document(ready, comparisons), OUTPUT)[0] == GOOD
    assert "timed all the same" not in render_text(document(run, comparisons))


def test_an_allocator_that_was_not_proved_has_its_own_reason(run, comparisons):
    def out(reason):
        found = Allocation(expected="x", library="libc.so.6", passed=False, reason=reason)
        return {"status": "wrong allocator", "reason": reason, "allocation": found}

    arms = {"glibc-huge": out("nothing on huge pages"), "static": out("the loader said nothing")}
    state, headline, detail = check(document(run, comparisons, **arms), ALLOCATOR)
    assert (state, headline) == (WARN, "Allocator in use in 7 of 10")
    assert detail.startswith("not proved, therefore not timed: jemalloc-static (malloc was bound")
    assert "; glibc-huge (nothing on huge pages); static (the loader said nothing)" in detail
    assert "another malloc answered" not in detail


def test_ready_is_not_measured(run, comparisons):
    assert check(document(run, comparisons), MEASURED)[1] == "34 of 38 builds measured"
    state, headline, detail = check(document(run, NOTHING), MEASURED)
    assert (state, headline) == (WARN, "0 of 38 builds measured")
    assert detail.startswith("without results: generic, sse42")


def test_what_the_machine_cannot_run_is_told_without_a_warning(run, comparisons):
    kept = tuple(arm for arm in run.arms if arm.status in {"ready", "unsupported"})
    state, headline, detail = check(document(replace(run, arms=kept), comparisons), MEASURED)
    assert (state, headline) == (GOOD, "34 of 34 builds measured")
    assert detail.startswith("every build that was asked for; cannot run here: amx, clang-20")


def test_builds_with_one_reason_are_told_together(run, comparisons):
    found = document(run, comparisons)
    arm = next(v for v in found.variants if v.status == "unsupported")
    other = replace(arm, name="another")
    told = by_reason((arm, *found.variants[:1], other))
    assert told == {(arm.status, arm.reason): [arm.name, "another"]}


def half_of(comparisons, arm):
    return replace(
        comparisons,
        comparisons=tuple(
            replace(item, ratio=None, low=None, high=None, trials=0, verdict=NOT_MEASURED)
            if (item.arm, item.workload) == (arm, "tg16")
            else item
            for item in comparisons.comparisons
        ),
    )


@pytest.mark.parametrize("arm", ["lto", "native"])
def test_an_arm_that_failed_on_one_workload_is_named_as_such(run, comparisons, arm):
    ready = replace(run, arms=tuple(each for each in run.arms if each.status == "ready"))
    _, headline, detail = check(document(ready, comparisons), MEASURED)
    assert (headline, detail) == ("34 of 34 builds measured", "every build that was asked for")
    state, headline, detail = check(document(ready, half_of(comparisons, arm)), MEASURED)
    assert (state, headline) == (WARN, "33 of 34 builds measured")
    assert detail == f"not on every workload: {arm}"


def test_results_on_one_workload_are_not_none(run, comparisons):
    partly = {"reason": "tg16: llama-bench crashed: SIGILL"}
    found = document(run, half_of(comparisons, "lto"), lto=partly)
    text = render_markdown(found)
    without, _, rest = text.partition("Partly without results:")
    assert "- lto: tg16: llama-bench crashed: SIGILL" in rest
    assert "lto: tg16" not in without
    assert "- amx: unsupported, this CPU lacks amx" in without.partition("Without results:")[2]
    assert "lto: partly without results: tg16: llama-bench crashed" in render_text(found)


@pytest.mark.parametrize(
    "changes",
    [
        {"environment": {"X": "1"}},
        {"bench_arguments": ("-lm", "none")},
        {"launcher": ("taskset", "-c", "0")},
        {"allocator": catalogue.run().arms[20].variant.allocator},
    ],
)
def test_the_same_files_run_in_another_way_are_no_copy(run, comparisons, changes):
    variants = document(run, comparisons).variants
    first = next(v for v in variants if v.name == "native")
    copy = replace(first, name="gcc")
    other = replace(copy, settings=replace(copy.settings, **changes))
    assert [v.copy_of for v in with_copies_named((first, copy, other), "native")] == [
        "",
        "native",
        "",
    ]
