"""What a sweep says: points in order, efficiency, the best value, and why not more."""

import csv
import dataclasses
import io

import msgspec
import pytest

from llamabuild.compare import compare_run
from llamabuild.errors import EnvironmentLacks
from llamabuild.pipeline.fitting import (
    check_model_fits,
    with_cache_sizes,
    without_the_too_large,
)
from llamabuild.report.csv import sweep_csv
from llamabuild.report.html import render_html
from llamabuild.report.markdown import render_markdown
from llamabuild.report.material import prepare
from llamabuild.report.sweep import sweep_info
from llamabuild.report.sweep_rows import sweep_cells, sweep_headers
from llamabuild.report.sweep_threads import advice
from llamabuild.report.text import render_text
from llamabuild.types.inputs import Traffic
from llamabuild.types.run import Arm, Axis, DiscardedBlock
from llamabuild.variants import load_catalogue
from llamabuild.variants.axes import make_sweep
from tests.runs import MACHINE, PP, TG, make_model, make_run, make_state
from tests.sweep_fixture import SPEED, material, threads_of


@pytest.fixture(scope="module")
def scaling():
    axis = Axis(setting="threads", what="how many", values=("1", "2", "4", "8"))
    return material(axis, lambda name: SPEED[threads_of(name)])


def test_points_come_in_the_order_of_the_values(scaling):
    info = scaling.document.sweep
    assert [point.label for point in info.points] == ["1", "2", "4", "8"]
    found = [point.workloads[0].efficiency for point in info.points]
    assert found == pytest.approx([1, 0.9, 0.275, 0.05], rel=0.02)


def test_the_best_count_is_named_with_its_interval(scaling):
    assert (
        "Prompt processing is fastest, by its median, with threads 2: 1.8"
        in scaling.document.answer
    )
    assert "of the speed with 1. Shown to be slower at" in scaling.document.answer


def test_where_threads_stop_to_pay_and_why(scaling):
    said = " ".join(scaling.document.sweep.sentences)
    assert "with 4 threads or more the speedup is below half of the ideal (efficiency 27" in said
    assert "more than 2 threads bring nothing here: only 2 CPUs may be used" in said


def test_the_best_counts_are_told_in_the_words_of_llama_server(scaling):
    told = scaling.document.sweep.sentences[0]
    assert told == (
        "For llama-server and llama-cli: `--threads-batch 2` (pp64) and `--threads 2` (tg16)."
    )


def test_a_count_that_was_not_shown_is_not_recommended():
    axis = Axis(setting="threads", what="", values=("1", "2"))
    said = material(axis, lambda _: 1.0).document.sweep.sentences
    assert not any("--threads" in sentence for sentence in said)
    slower = material(axis, lambda name: 1.0 / threads_of(name)).document.sweep.sentences
    assert "`--threads 1` (tg16)" in slower[0]
    found = material(axis, threads_of).document.sweep
    first, second = found.points
    unclear = msgspec.structs.replace(second.workloads[1], verdict="no difference shown")
    mixed = msgspec.structs.replace(
        found,
        points=(first, msgspec.structs.replace(second, workloads=(second.workloads[0], unclear))),
    )
    [told] = advice(mixed, (PP, TG))
    assert told == (
        "For llama-server and llama-cli: `--threads-batch 2` (pp64); "
        "no count was shown to be best for `--threads` (tg16)."
    )


def test_what_the_kernel_counted_is_part_of_the_reason():
    machine = msgspec.structs.replace(MACHINE, quota_cpus=1.0)
    axis = Axis(setting="threads", what="", values=("1", "2"))
    found = material(axis, lambda name: 1.0 / threads_of(name), machine)
    states = {
        "native+threads=1": make_state(2.0, throttled_seconds=0.0, involuntary_switches=20),
        "native+threads=2": make_state(2.0, throttled_seconds=1.8, involuntary_switches=900),
    }
    trials = [msgspec.structs.replace(t, state=states.get(t.arm, t.state)) for t in found.trials]
    said = prepare(found.run, trials, compare_run(found.run, trials)).document.sweep.sentences
    assert any(
        "quota is 1 CPU, and threads beyond it are held back in turns; with 2 threads the quota "
        "held them back for 0.90 s, added over all CPUs, in each second; threads were taken off "
        "their CPU 450 times a second with 2, 10 times with 1." in sentence
        for sentence in said
    )


def test_a_quota_is_the_first_reason():
    machine = msgspec.structs.replace(MACHINE, quota_cpus=1.5)
    axis = Axis(setting="threads", what="", values=("1", "2", "4"))
    said = material(axis, lambda name: SPEED[threads_of(name)], machine).document.sweep.sentences
    assert any("the cgroup's quota is 1.5 CPUs" in sentence for sentence in said)


def test_a_quota_below_the_cores_is_no_matter_of_hyper_threads():
    cpu = msgspec.structs.replace(MACHINE.cpu, logical_cpus=8, physical_cores=8)
    machine = msgspec.structs.replace(MACHINE, cpu=cpu, affinity=tuple(range(8)), quota_cpus=2.0)
    axis = Axis(setting="threads", what="", values=("1", "2", "4"))
    said = " ".join(
        material(axis, lambda name: SPEED[threads_of(name)], machine).document.sweep.sentences
    )
    assert "quota is 2 CPUs" in said
    assert "two threads of one core" not in said


def test_a_setting_without_effect_gets_no_winner():
    found = material(Axis(setting="poll", what="", values=("0", "100")), lambda _: 1.0)
    assert "no value of poll was shown to be faster than default" in found.document.answer
    first, other = found.document.sweep.points[:2]
    blank = msgspec.structs.replace(
        other.workloads[0], verdict="no difference shown", detectable=0.125
    )
    unclear = msgspec.structs.replace(other, workloads=(blank, blank))
    info = msgspec.structs.replace(found.document.sweep, points=(first, unclear))
    document = msgspec.structs.replace(found.document, sweep=info)
    assert "could have shown 12.5" in render_html(dataclasses.replace(found, document=document))
    assert all(point.workloads[0].efficiency is None for point in found.document.sweep.points)


def test_a_point_that_could_not_run_is_a_row_with_its_reason():
    axis = Axis(setting="load-mode", what="", values=("none", "dio"))
    found = material(axis, lambda _: 1.0, missing=("native+load-mode=dio",))
    assert "no such thing here" in render_text(found.document, 160)
    rows = list(csv.DictReader(io.StringIO(sweep_csv(found))))
    assert [row["status"] for row in rows if row["load-mode"] == "dio"] == ["unsupported"] * 2


def test_all_formats_show_it(scaling):
    text, markdown = render_text(scaling.document), render_markdown(scaling.document)
    assert "efficiency" in text
    assert "threads: how many" in text
    assert "- threads: how many" in markdown
    assert "| 8 |" in markdown
    page = render_html(scaling)
    assert "What each setting brings" in page
    assert "half of it" in page
    rows = list(csv.DictReader(io.StringIO(sweep_csv(scaling))))
    assert len(rows) == 8
    assert float(rows[2]["efficiency_fraction"]) == pytest.approx(0.9, abs=0.02)


TRAFFIC = Traffic(
    bytes_per_token={},
    operations_per_token={},
    last_token_operations={},
    kv_bytes_per_position=23_040,  # 30 layers of 3 heads of 64, keys and values, 2 bytes
    attention_operations_per_position=0,
)


def sizes(base, axis):
    """The KV cache at each point of a sweep."""
    catalogue = load_catalogue("pypi:x==1", [])
    sweep = make_sweep(base, [axis])
    arms = [
        Arm(name=p.variant, status="pending", reason="", variant=catalogue.get(p.variant))
        for p in sweep.points
    ]
    model = msgspec.structs.replace(make_model(), traffic=TRAFFIC)
    return [p.kv_cache_bytes for p in with_cache_sizes(sweep, arms, model, [TG]).points]


def test_the_kv_cache_is_computed_where_an_axis_changes_it():
    depth = Axis(setting="depth", what="", values=("4096",))
    kinds = Axis(setting="kv-cache", what="", values=("q8_0",))
    assert sizes("native", depth) == [256 * 23_040, 4352 * 23_040]
    assert sizes("native", kinds) == [256 * 23_040, 256 * 23_040 * 17 // 32]
    assert sizes("native", Axis(setting="poll", what="", values=("0",))) == [None, None]


def test_the_memory_that_a_cache_took_stands_beside_what_was_computed():
    found = material(Axis(setting="depth", what="", values=("4096",)), lambda _: 1.0)
    [first, deep] = found.document.sweep.points
    assert first.more_memory_bytes == 0
    results = tuple(
        msgspec.structs.replace(r, peak_rss_bytes=r.peak_rss_bytes + 94.4e6) for r in deep.workloads
    )
    variants = [
        msgspec.structs.replace(
            v,
            workloads=tuple(
                msgspec.structs.replace(w, peak_rss_bytes=r.peak_rss_bytes)
                for w, r in zip(v.workloads, results, strict=True)
            ),
        )
        if v.name == deep.variant
        else v
        for v in found.document.variants
    ]
    run = msgspec.structs.replace(found.run, sweep=msgspec.structs.replace(
        found.run.sweep,
        points=tuple(
            msgspec.structs.replace(p, kv_cache_bytes=n)
            for p, n in zip(found.run.sweep.points, (5_898_240, 100_270_080), strict=True)
        ),
    ))  # fmt: skip
    info = sweep_info(
        run,
        found.trials,
        variants,
        found.document.roofline,
        {"pp64": "a", "tg16": "b"},
        model=found.document.model,
    )
    assert sweep_headers(info)[-3:] == ["KV cache", "peak memory", "memory vs default"]
    assert [row[-3] for row in sweep_cells(info)] == ["5.9 MB", "100 MB"]
    assert [row[-1] for row in sweep_cells(info)] == ["0 B", "+94.4 MB"]


def test_what_the_base_sets_itself_counts():
    depth = Axis(setting="depth", what="", values=("4096",))
    kinds = Axis(setting="kv-cache", what="", values=("q8_0",))
    assert sizes("native+kv-cache=q8_0", depth)[1] == 4352 * 23_040 * 17 // 32
    assert sizes("native+depth=4096", kinds)[0] == 4352 * 23_040


def test_what_cannot_fit_is_said_before_it_is_tried():
    arm = Arm(
        name="native+depth=4096",
        status="pending",
        reason="",
        variant=load_catalogue("pypi:x==1", []).get("native+depth=4096"),
    )
    traffic = msgspec.structs.replace(TRAFFIC, kv_bytes_per_position=1 << 20)

    def fitted(memory, context=8192):
        model = msgspec.structs.replace(make_model(), traffic=traffic, context_length=context)
        machine = msgspec.structs.replace(MACHINE, memory_bytes=memory)
        run = msgspec.structs.replace(make_run(model=model), machine=machine)
        return without_the_too_large(run, [arm])[0]

    assert fitted(8 << 30) == arm
    assert fitted(0) == arm  # not known
    assert fitted(4 << 30).status == "unsupported"
    assert fitted(4 << 30).reason == "model and KV cache need 4.7 GB, this machine has 4.3"
    assert fitted(8 << 30, context=4160) == arm
    assert fitted(8 << 30, context=0) == arm  # not known
    assert fitted(0, context=4159).status == "unsupported"
    arm = msgspec.structs.replace(arm, variant=load_catalogue("pypi:x==1", []).get("native"))
    traffic = msgspec.structs.replace(TRAFFIC, kv_bytes_per_position=1 << 24)
    assert fitted(8 << 30) == arm, "256 tokens in 16 MiB each"
    assert fitted(4 << 30).status == "unsupported"
    assert fitted(8 << 30, context=32) == arm, "llama-bench goes beyond it"


def test_a_depth_beyond_the_context_is_said_before_it_is_tried():
    arm = Arm(
        name="native+depth=4096",
        status="pending",
        reason="",
        variant=load_catalogue("pypi:x==1", []).get("native+depth=4096"),
    )
    model = msgspec.structs.replace(make_model(), traffic=TRAFFIC, context_length=2048)
    short = without_the_too_large(make_run(model=model), [arm])[0]
    assert short.reason == "it needs a context of 4,160 tokens, the model's has 2,048"


def test_a_model_too_big_for_the_machine_is_not_loaded():
    model = msgspec.structs.replace(make_model(), size_bytes=40_000_000_000)
    with pytest.raises(EnvironmentLacks, match=r"has 40\.0 GB, this machine 25\.8 GB of memory"):
        check_model_fits(model, MACHINE.memory_bytes)
    check_model_fits(model, 64 << 30)
    check_model_fits(model, 0)  # not known


def test_a_run_without_a_block_that_counts_says_why():
    axis = Axis(setting="poll", what="", values=("0",))
    found = material(axis, lambda _: 1.0)
    gone = tuple(DiscardedBlock(block=n, reason="other processes used 52%") for n in range(1, 14))
    run = msgspec.structs.replace(found.run, discarded=gone)
    empty = prepare(run, found.trials, compare_run(run, found.trials))
    assert empty.document.blocks == 0
    [finding] = empty.document.findings
    assert "every block was disturbed" in finding.text.lower()
    assert "Nothing counted" in render_html(empty)
