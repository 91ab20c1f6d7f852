"""What ran, whose malloc answered and what a build cost, as the document has it."""

from __future__ import annotations

import re

import msgspec
import pytest

from llamabuild.report.allocators import allocations, huge_share
from llamabuild.report.assemble_variant import _inspection
from llamabuild.report.cost import cost_of
from llamabuild.report.dispatch import dispatch_info
from llamabuild.report.execution import execution_info
from llamabuild.report.execution_summary import methods, summary, unsampled, waited
from llamabuild.report.execution_words import is_waiting
from llamabuild.report.material import prepare
from llamabuild.report.proof_lines import (
    allocation_lines,
    cost_lines,
    cost_state,
    profile_lines,
    proof_lines,
    some,
)
from llamabuild.report.sections.profiles import profiles
from llamabuild.types.build import Stage
from llamabuild.types.comparison import ComparisonSet
from llamabuild.types.proof import Allocation, Execution, FunctionShare
from tests import report_fixture as small
from tests.report_fixture import catalogue

NOTHING = ComparisonSet(blocks=0, look=0, alpha=0.01, decided=False, noise=(), comparisons=())


@pytest.fixture(scope="module")
def run():
    return catalogue.run()


@pytest.fixture(scope="module")
def document(run):
    return prepare(run, catalogue.trials(), catalogue.comparison_set()).document


def variant(document, name):
    return next(item for item in document.variants if item.name == name)


def test_each_build_and_each_profile_is_paid_once(run):
    cost = cost_of(run)
    rows = {row.variant: row for row in cost.rows}
    assert len(cost.rows) == len(run.arms)
    assert rows["mimalloc"].shares == "native"
    assert rows["mimalloc"].seconds == 0
    assert cost_state(rows["mimalloc"]) == "shares the build of native: nothing to build"
    names = [stage.name for stage in rows["pgo"].stages]
    assert names == [
        "gcc profile: instrument", "gcc profile: train", "gcc profile: merge",
        "configure", "compile",
    ]  # fmt: skip
    again = [stage.name for stage in rows["pgo-bolt"].stages]
    assert "gcc profile: train" not in again
    assert "bolt profile: train" in again
    assert rows["pgo"].seconds == pytest.approx(159.6 + 35.7)
    assert cost.seconds == pytest.approx(sum(row.seconds for row in cost.rows))
    assert cost.built_now_seconds == pytest.approx(cost.seconds - 2 * 35.7)


def test_the_sum_is_a_multiple_of_the_first_full_build(run):
    cost = cost_of(run)
    assert cost.full_build == "generic"
    assert cost.multiple == pytest.approx(cost.seconds / 213.4)


def rebuilt(run, name, **changes):
    """Return the run with another build in one arm."""
    arms = tuple(
        msgspec.structs.replace(arm, build=msgspec.structs.replace(arm.build, **changes))
        if arm.name == name
        else arm
        for arm in run.arms
    )
    return msgspec.structs.replace(run, arms=arms)


def test_the_stock_build_is_the_runs_own_and_the_baselines_before_others(run):
    # The fork and the optimized builds were compiled from nothing before it; they are not stock.
    later = rebuilt(run, "generic", created="2026-11-22T23:00:00Z")
    for name in ("lto", "clang-19", "pgo", "openblas", "native@0.3.30"):
        later = rebuilt(later, name, cache_hits=0)
    assert cost_of(later).full_build == "generic"
    assert cost_of(rebuilt(later, "native", cache_hits=0)).full_build == "native"
    cached = rebuilt(later, "generic", cache_hits=100)
    assert (cost_of(cached).full_build, cost_of(cached).multiple) == ("", None)


def test_without_a_full_build_there_is_no_multiple(run):
    arms = tuple(arm for arm in run.arms if arm.build is None or arm.build.cache_hits)
    cost = cost_of(msgspec.structs.replace(run, arms=arms))
    assert (cost.full_build, cost.multiple, cost.full_build_seconds) == ("", None, None)
    assert cost.seconds > 0
    assert "times" not in cost_lines(cost)[0]
    assert cost_lines(cost)[0].endswith("no stock build from nothing in the store, so no multiple")


def test_builds_that_failed_are_said_not_to_be_counted(run):
    assert "not counted, since they failed: bolt-lto" in cost_lines(cost_of(run))
    fine = tuple(arm for arm in run.arms if arm.status != "build failed")
    lines = cost_lines(cost_of(msgspec.structs.replace(run, arms=fine)))
    assert not any("failed" in line for line in lines)


def test_builds_of_others_and_failures_cost_nothing(run):
    rows = {row.variant: row for row in cost_of(run).rows}
    assert rows["prebuilt:llama-bench"].why_none.startswith("somebody else's")
    assert rows["amx"].why_none == "unsupported"
    assert cost_state(rows["avx2"]) == "was there already"


def test_a_build_of_somebody_else_is_none_of_ours(run):
    ours = next(arm.build for arm in run.arms if arm.name == "native")
    theirs = msgspec.structs.replace(ours, id="theirs")
    arms = tuple(
        msgspec.structs.replace(arm, build=theirs) if arm.prebuilt else arm for arm in run.arms
    )
    assert cost_of(msgspec.structs.replace(run, arms=arms)).builds == cost_of(run).builds


def test_builds_of_one_input_pay_for_it_once(run):
    first = next(arm for arm in run.arms if arm.name == "native")
    plan = msgspec.structs.replace(first.build.plan, input="compiled")
    compiled = (Stage(name="configure", seconds=8, cpu_seconds=7),
                Stage(name="compile", seconds=20, cpu_seconds=30))  # fmt: skip

    def arm(name, bolt):
        stages = (*compiled, Stage(name="bolt", seconds=bolt, cpu_seconds=bolt))
        build = msgspec.structs.replace(
            first.build, id=name, plan=plan, stages=stages, seconds=28 + bolt,
            cpu_seconds=37 + bolt, compiled=9, cache_hits=-1, profiles=(),
        )  # fmt: skip
        return msgspec.structs.replace(first, name=name, build=build)

    cost = cost_of(msgspec.structs.replace(run, arms=(arm("a", 3), arm("b", 4))))
    assert [row.seconds for row in cost.rows] == [31, 4]
    assert [row.cpu_seconds for row in cost.rows] == [40, 4]
    assert [row.compiled for row in cost.rows] == [9, 0]
    assert [stage.name for stage in cost.rows[1].stages] == ["bolt"]
    assert cost.seconds == 35


def test_an_old_run_without_stages_has_costs():
    cost = cost_of(small.run())
    assert cost.builds == 7
    assert all(row.stages == () for row in cost.rows)
    assert cost.full_build == "generic"


def execution(*functions, libraries=None):
    return Execution(
        workload="tg16", method="perf cpu-clock", samples=9, functions=functions,
        libraries=libraries or {},
    )  # fmt: skip


def share(name, library, part):
    return FunctionShare(name=name, library=library, share=part)


def test_waiting_counts_libraries_and_barriers_once():
    info = execution_info(
        execution(
            share("kernel", "libggml-cpu.so", 0.8),
            share("ggml_barrier", "libggml-cpu.so", 0.05),
            share("[unknown]", "libgomp.so.1.0.0", 0.06),
            libraries={"libggml-cpu.so": 0.9, "libgomp.so.1.0.0": 0.07},
        )
    )
    assert info.waiting == pytest.approx(0.12)
    assert [is_waiting(function) for function in info.functions] == [False, True, True]


def test_sentences_of_builds_that_agree_are_one(document):
    found = summary(document.variants)
    assert [ran.workload for ran in found] == sorted(ran.workload for ran in found)
    first = found[0]
    assert "ggml_gemm_q4_K_8x8_q8_K" in first.sentence
    assert len(first.variants) > 20
    assert re.match(r"\d+ to \d+ % of pp64 in ", first.sentence)
    names = [name for ran in found if ran.workload == "tg16" for name in ran.variants]
    assert len(names) == len(set(names)) == 33
    assert unsampled(document.variants) == {"no symbols: llama-bench is stripped": ["static"]}
    assert methods(document.variants) == "perf cpu-clock and SIGPROF sampler (prebuilt:llama-bench)"


def test_builds_are_grouped_by_the_function_that_their_sentence_names(document):
    def ran(name, *functions):
        info = execution_info(execution(*functions))
        return msgspec.structs.replace(variant(document, "native"), name=name, executions=(info,))

    wait = share("[unknown]", "libgomp.so.1.0.0", 0.5)
    found = summary(
        [
            ran("a", wait, share("gemv", "libggml-cpu.so", 0.4)),
            ran("b", share("gemv", "libggml-cpu.so", 0.6)),
            ran("c", wait, share("dot", "libggml-cpu.so", 0.3)),
            ran("d", wait),
            ran("e", share("[unknown]", "llama-bench", 0.6)),
            ran("f", share("[unknown]", "libggml-cpu.so", 0.6)),
        ]
    )
    groups = {item.variants: item.sentence for item in found}
    assert set(groups) == {("a", "b"), ("c",), ("d",), ("e",), ("f",)}
    assert groups["a", "b"] == "40 to 60 % of tg16 in gemv"
    assert groups["d",] == "50 % of tg16 waiting in libgomp"


def test_one_builds_waiting_is_not_told_of_the_others(document):
    def ran(name, library, part, waits):
        kernel = share("gemv", "libggml-cpu.so", part)
        libraries = {"libggml-cpu.so": part, library: waits}
        info = execution_info(
            execution(kernel, share("[unknown]", library, waits), libraries=libraries)
        )
        return msgspec.structs.replace(variant(document, "native"), name=name, executions=(info,))

    variants = (
        ran("gcc", "libgomp.so.1.0.0", 0.8, 0.09),
        ran("clang", "libomp.so.5", 0.7, 0.07),
        ran("other", "libgomp.so.1", 0.75, 0.06),
        ran("calm", "libgomp.so.1", 0.72, 0.01),
    )
    (same,) = summary(variants)
    assert same.sentence == "70 to 80 % of tg16 in gemv"
    assert [(item.sentence, item.variants) for item in waited(variants)] == [
        ("6 to 9 % of tg16 waiting in libgomp", ("gcc", "other")),
        ("7 % of tg16 waiting in libomp", ("clang",)),
    ]
    seen = msgspec.structs.replace(document, variants=variants)
    lines = dict(proof_lines(seen))["What ran"]
    assert "70 to 80 % of tg16 in gemv (gcc, clang, other, calm)" in lines
    assert "7 % of tg16 waiting in libomp (clang)" in lines


def test_how_it_was_sampled_is_named(document):
    lines = dict(proof_lines(document))["What ran"]
    how = "perf cpu-clock and SIGPROF sampler (prebuilt:llama-bench)"
    assert f"sampled by {how}, outside of all timing" in lines


def test_dispatch_says_what_it_picked_and_what_was_faster(document):
    found = variant(document, "dispatch").dispatch
    assert found.library == "libggml-cpu-sapphirerapids.so"
    assert 0.7 < found.share < 1
    # A fork and an allocator were faster, which says nothing of the choice of a backend.
    assert found.fastest == ("pp64", "tg16")
    assert found.rivals == ("generic", "sse42", "avx2", "avx512", "avx512-vnni", "native")
    assert "At tg16 `ik-rtr` and 9 others were faster, none by SIMD alone." in found.sentence
    assert "hardly tested" not in found.sentence
    assert variant(document, "native").dispatch is None


def test_a_pick_that_nothing_beats_is_the_fastest(run):
    arms = tuple(arm for arm in run.arms if arm.name in {"native", "dispatch", "avx2"})
    comparisons = catalogue.comparison_set()
    few = tuple(c for c in comparisons.comparisons if c.arm in {arm.name for arm in arms})
    changed = msgspec.structs.replace(comparisons, comparisons=few)
    found = prepare(msgspec.structs.replace(run, arms=arms), (), changed).document
    picked = variant(found, "dispatch").dispatch
    assert picked.fastest == ("pp64", "tg16")
    assert picked.sentence.count("no build was shown to be faster") == 2


def test_a_faster_instruction_set_is_a_better_choice(document):
    loads = tuple(
        msgspec.structs.replace(load, ratio=1.2, low=1.1, high=1.3, verdict="faster")
        for load in variant(document, "avx512").workloads
    )
    variants = tuple(
        msgspec.structs.replace(v, workloads=loads) if v.name == "avx512" else v
        for v in document.variants
    )
    found = dispatch_info(variant(document, "dispatch"), variants)
    assert found.fastest == ()
    assert "`avx512` by SIMD alone" in found.sentence


@pytest.mark.parametrize(("beside", "rivals"), [(("native",), ("native",)), (("lto",), ())])
def test_without_another_instruction_set_the_choice_was_hardly_tested(document, beside, rivals):
    own = variant(document, "dispatch")
    found = dispatch_info(own, (own, *(variant(document, name) for name in beside)))
    assert found.rivals == rivals
    assert found.fastest == (("pp64", "tg16") if rivals else ())
    assert found.sentence.endswith("so the choice was hardly tested.")


def executed(found, **fields):
    info = msgspec.structs.replace(found.executions[0], **fields)
    return msgspec.structs.replace(found, executions=(info,))


def test_the_simd_of_a_dispatching_build_is_that_of_the_backend_that_ran(run):
    arm = next(arm for arm in run.arms if arm.name == "dispatch")
    own = arm.inspections[0]
    ran = next(name for name in arm.executions[0].libraries if name.startswith("libggml-cpu-"))
    one = msgspec.structs.replace(own, file=ran)
    other = msgspec.structs.replace(
        own, file="libggml-cpu-other.so", groups={**own.groups, "amx": 5}
    )

    def highest(*inspections):
        changed = msgspec.structs.replace(arm, inspections=inspections)
        return _inspection(changed, run.model.quantization).highest

    assert highest(one, other) == highest(one) != "amx"
    assert highest(other) == "amx", "nothing is known of what ran instead"


def test_without_an_interval_nothing_is_said_to_be_faster_than_the_pick(document):
    own = variant(document, "dispatch")
    loads = tuple(msgspec.structs.replace(w, low=None, high=None) for w in own.workloads[:1])
    own = msgspec.structs.replace(own, workloads=(*loads, *own.workloads[1:]))
    found = dispatch_info(own, document.variants)
    assert found.fastest == ("tg16",)
    assert "At pp64 there are too few blocks to tell." in found.sentence
    assert "At tg16 `ik-rtr`" in found.sentence


def test_what_was_loaded_last_is_the_pick_where_nothing_was_sampled(document):
    zen, other = "libggml-cpu-zen4.so", "libggml-cpu-haswell.so"
    own = variant(document, "dispatch")
    unseen = executed(own, functions=(), libraries={}, loaded=(other, zen))
    found = dispatch_info(unseen, ())
    assert (found.library, found.share) == (zen, 0.0)
    assert "was loaded last, and too little was sampled" in found.sentence
    agrees = executed(own, libraries={zen: 0.9}, loaded=(other, zen))
    assert f"`dispatch` picked {zen} (loaded last, and ran)." in dispatch_info(agrees, ()).sentence
    ran = executed(own, libraries={zen: 0.9}, loaded=())
    assert f"picked {zen} (by what ran; what was loaded was not" in dispatch_info(ran, ()).sentence
    differs = executed(own, libraries={zen: 0.9}, loaded=(zen, other))
    assert f"picked {zen} (by what ran; {other} was loaded last)." in (
        dispatch_info(differs, ()).sentence
    )
    whole = executed(own, libraries={}, functions=(), loaded=("libggml-cpu.so",))
    assert dispatch_info(whole, ()) is None


def test_what_was_loaded_is_in_the_document():
    seen = msgspec.structs.replace(execution(), samples=0, loaded=("libggml-cpu-zen4.so",))
    assert execution_info(seen).loaded == ("libggml-cpu-zen4.so",)


def test_allocators_that_have_nothing_to_tell_are_one_line(document):
    shown, others = allocations(document)
    names = [row.variant for row in shown]
    assert {"native", "mimalloc", "jemalloc-static", "glibc-huge"} <= set(names)
    assert "lto" not in names
    assert others == "26 other builds: malloc of libc.so.6, no memory on huge pages"
    huge = next(row for row in shown if row.variant == "hugealloc")
    assert (huge.how, huge.workload, huge.minor_faults) == ("preload", "tg16", 11_200)
    assert huge.huge_share == pytest.approx(0.93)
    assert huge.weights_share == pytest.approx(1.0)
    said = next(line for line in allocation_lines(document) if line.startswith("hugealloc:"))
    assert "93 % on huge pages (100 % where the weights lie)" in said.replace("\u00a0", " ")
    assert huge.result.verdict == "faster"


def test_the_build_that_only_reads_its_weights_is_shown_beside_the_allocators(document):
    plain = msgspec.structs.replace(variant(document, "lto"), name="no-mmap")
    shown, _ = allocations(msgspec.structs.replace(document, variants=(*document.variants, plain)))
    assert "no-mmap" in [row.variant for row in shown]


def test_of_memory_that_could_not_be_read_nothing_is_said(document):
    unread = msgspec.structs.replace(variant(document, "lto").allocation, huge_bytes=None)
    variants = tuple(
        msgspec.structs.replace(v, allocation=unread) if v.name == "lto" else v
        for v in document.variants
    )
    _, others = allocations(msgspec.structs.replace(document, variants=variants))
    assert others == "26 other builds: malloc of libc.so.6"


def test_where_everybody_has_some_huge_pages_only_another_share_is_told(document):
    def on_huge_pages(found, share):
        memory = found.allocation
        huge = int(share * memory.resident_bytes)
        return msgspec.structs.replace(
            found, allocation=msgspec.structs.replace(memory, huge_bytes=huge)
        )

    told = {row.variant for row in allocations(document)[0]}
    variants = tuple(
        on_huge_pages(v, 0.17 if v.name == "lto" else 0.15)
        if v.allocation is not None and v.name not in told - {document.baseline}
        else v
        for v in document.variants
    )
    shown, others = allocations(msgspec.structs.replace(document, variants=variants))
    assert {row.variant for row in shown} == told
    assert others == "26 other builds: malloc of libc.so.6, 15 to 17 % on huge pages"


def test_no_promise_and_no_huge_page_is_no_section(run):
    plain = Allocation(
        expected="", library="libc.so.6", passed=True, resident_bytes=9, huge_bytes=0
    )
    arms = tuple(msgspec.structs.replace(arm, allocation=plain) for arm in run.arms)
    document = prepare(msgspec.structs.replace(run, arms=arms), (), NOTHING).document
    assert allocations(document) == ([], "")
    assert "Memory" not in dict(proof_lines(document))


@pytest.mark.parametrize(("resident", "huge"), [(None, 5), (0, 0), (9, None)])
def test_memory_that_was_not_read_has_no_share(resident, huge):
    found = Allocation(
        expected="", library="", passed=True, resident_bytes=resident, huge_bytes=huge
    )
    assert huge_share(found) is None


def test_a_trial_without_a_peak_does_not_count_for_the_median(run):
    trials = tuple(
        msgspec.structs.replace(
            trial, state=trial.state and msgspec.structs.replace(trial.state, peak_rss_bytes=None)
        )
        for trial in catalogue.trials()
        if trial.arm in {"native", "lto"}
    )
    found = prepare(run, trials, NOTHING).document
    result = variant(found, "lto").workloads[1]
    assert result.peak_rss_bytes is None
    assert result.minor_faults == 31_000


def test_profiles_name_their_users_once(document):
    found = {tuple(names): profile for profile, names in profiles(document)}
    assert found["pgo", "pgo-bolt"].kind == "gcc"
    assert "someone" not in " ".join(found["pgo", "pgo-bolt"].training)
    (line,) = [line for line in profile_lines(document) if line.startswith("clang")]
    assert "1,288 of 9,431 functions trained on SmolLM2 135M Instruct Q4_1" in line
    assert "by llama-bench -t 1 -p 24 -n 0 -r 1 -m …/train.gguf; llama-bench -t 1 -p 0" in line


def test_many_names_are_counted():
    assert some(["a", "b"]) == "a, b"
    assert some(list("abcdefg")) == "a, b, c, d and 3 others"
