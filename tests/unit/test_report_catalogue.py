"""A run of forty builds: what to use comes first, in every form."""

from __future__ import annotations

import csv
import io
import json
import re

import jsonschema
import msgspec
import pytest

from llamabuild.report.csv import comparisons_csv, costs_csv, executions_csv
from llamabuild.report.html import render_html
from llamabuild.report.markdown import render_markdown, results_markdown
from llamabuild.report.material import prepare
from llamabuild.report.plots import PLOTS
from llamabuild.report.ranking import is_measured, ranked
from llamabuild.report.schema import shipped
from llamabuild.report.sections import SECTIONS
from llamabuild.report.sections.results import tags
from llamabuild.report.text import broken, render_text
from llamabuild.report.write import render_json, write_material
from tests.report_fixture import catalogue
from tests.report_fixture.catalogue_rows import ROWS
from tests.unit.test_report_html import HOSTILE, QUOTED, Page

NAMES = [row.name for row in ROWS]
WITHOUT = [row.name for row in ROWS if row.status != "ready"]


@pytest.fixture(scope="module")
def comparisons():
    return catalogue.comparison_set()


@pytest.fixture(scope="module")
def material(comparisons):
    return prepare(catalogue.run(), catalogue.trials(), comparisons, "one of 2 %")


@pytest.fixture(scope="module")
def document(material):
    return material.document


@pytest.fixture(scope="module")
def html(material):
    return render_html(material)


def finding(document, topic):
    return [item for item in document.findings if item.topic == topic]


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_the_answer_names_the_first_of_each_workload_alone(document):
    start = (
        "On this machine `no-repack+hugealloc` is ahead of 31 builds at prompt processing, 1.27×"
    )
    assert document.answer.startswith(start)
    assert "not told apart from 1 other; `ik-rtr` is the fastest of 33 builds" in document.answer
    assert "at token generation, 1.20×" in document.answer
    assert document.answer.count("`") == 6


def test_findings_say_what_is_simpler_and_what_made_no_difference(document):
    (simpler,) = finding(document, "simpler")
    assert simpler.text.startswith("`no-repack` is simpler than `no-repack+hugealloc`")
    (unclear,) = finding(document, "no difference")
    assert {"bolt", "jemalloc", "o2"} <= set(unclear.variants)
    assert re.search(r"only \d\.\d\u00a0% or more would likely have shown\.$", unclear.text)
    (equivalent,) = finding(document, "equivalent")
    assert {"lto", "mimalloc"} <= set(equivalent.variants)
    assert not set(equivalent.variants) & set(unclear.variants)
    (overall,) = finding(document, "overall")
    assert overall.variants == ("ik-rtr",)


def test_findings_give_the_package_to_install(document):
    missing = finding(document, "not measured")
    assert sorted(name for item in missing for name in item.variants) == sorted(WITHOUT)
    unsupported = next(item for item in missing if item.text.startswith("Unsupported"))
    assert "apt install libgoogle-perftools-dev" in unsupported.text


def test_the_same_build_by_another_name_is_a_copy_and_is_ranked_nowhere(comparisons):
    better = tuple(
        msgspec.structs.replace(item, ratio=2.0, low=1.9, high=2.1, verdict="faster")
        if item.arm == "gcc-12"
        else item
        for item in comparisons.comparisons
    )
    material = prepare(
        catalogue.run(), (), msgspec.structs.replace(comparisons, comparisons=better)
    )
    document = material.document
    copies = [v.name for v in document.variants if v.copy_of]
    assert copies == ["gcc-12"]
    assert "gcc-12" not in document.answer
    (found,) = [item for item in document.findings if "gcc-12" in item.variants]
    assert found.topic == "copy"
    assert found.text.startswith("`gcc-12` is a further copy of `native`: the same build")
    assert "gcc-12" not in tags(document)
    assert "gcc-12 (copy of native)" in render_markdown(document)
    lines = render_text(document).splitlines()
    first = next(n for n, line in enumerate(lines) if line.startswith("gcc-12"))
    assert lines[first + 1].strip() == "(copy of native)"
    assert "copy of native" in "".join(Page(render_html(material)).text)


def test_the_terminal_has_the_table_of_marginal_costs(document):
    text = render_text(document)
    table = text[text.index("Build cost:") :].splitlines()
    row = next(line.split() for line in table if line.startswith("pgo "))
    assert row[:10] == ["pgo", "3", "min", "15", "s", "330", "92", "%", "21", "of"]
    assert row[-1] == "built"
    assert any(line.startswith("avx2 ") and line.endswith("was there") for line in table)
    assert not any(line.startswith("mimalloc ") for line in table)  # it runs a build of another


def test_a_run_that_built_nothing_has_no_table_of_costs(comparisons):
    run = catalogue.run()
    arms = tuple(msgspec.structs.replace(arm, build_cached=True) for arm in run.arms)
    found = prepare(msgspec.structs.replace(run, arms=arms), (), comparisons).document
    text = render_text(found)
    assert "Build cost:" in text
    assert "of stock" not in text


def test_the_share_of_vector_instructions_is_in_every_table(document):
    share = next(v for v in document.variants if v.name == "avx2").inspection.kernels.share
    line = next(line for line in render_text(document).splitlines() if line.startswith("avx2 "))
    assert line.split()[:3] == ["avx2", "avx2", f"{share * 100:.0f}"]
    row = next(line for line in results_markdown(document).splitlines() if "| avx2 |" in line)
    assert f"| avx2, {share * 100:.0f}\u00a0% vector |" in row


def test_an_allrounder_is_nowhere_slower(comparisons):
    worse = tuple(
        msgspec.structs.replace(item, ratio=0.9, low=0.89, high=0.91, verdict="slower")
        if (item.arm, item.workload) == ("ik-rtr", "pp64")
        else item
        for item in comparisons.comparisons
    )
    changed = msgspec.structs.replace(comparisons, comparisons=worse)
    document = prepare(catalogue.run(), (), changed).document
    (overall,) = finding(document, "overall")
    assert overall.variants == ("clang-19+pgo",)


def test_order_is_from_fast_to_slow_and_those_without_results_last(document):
    order = ranked(document.variants)
    assert sorted(variant.name for variant in order) == sorted(NAMES)
    names = [variant.name for variant in order]
    assert names.index("no-repack") < names.index("native") < names.index("sse42")
    assert [is_measured(variant) for variant in order] == [True] * 34 + [False] * 7


def test_json_is_valid_and_has_what_was_seen(document):
    data = json.loads(render_json(document))
    jsonschema.Draft202012Validator(shipped()).validate(data)
    by_name = {item["name"]: item for item in data["variants"]}
    assert by_name["hugealloc"]["allocation"]["library"] == "libhugealloc.so"
    assert by_name["hugealloc"]["workloads"][1]["minor_faults"] == 11_200
    assert by_name["ik"]["source"]["spec"] == "pypi:ik-llama-cpp-python==0.1.5"
    assert by_name["native"]["source"] is None
    assert by_name["prebuilt:llama-bench"]["prebuilt"]["path"] == "…/llama-bench"
    assert by_name["pgo-bolt"]["build"]["profiles"][1]["kind"] == "bolt"
    assert by_name["lto"]["settings"]["optimize"]["lto"] == "full"
    assert "someone" not in json.dumps(data)


def test_terminal_table_fits_into_100_columns_a_line_a_build(document):
    text = render_text(document)
    assert max(map(len, text.splitlines())) <= 100
    table = text[text.index("vs native") : text.index("faster  ▼")].splitlines()
    for name in NAMES:
        first = broken(name).splitlines()[0]
        assert sum(line.split()[:1] == [first] for line in table) == 1, name
    assert sum("[" not in line for line in table[2:]) <= 14


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("native", ["native"]),
        ("native+clang-19+pgo+mimalloc", ["native+clang-19+pgo", "+mimalloc"]),
        ("a" * 30, ["a" * 20, "a" * 10]),
    ],
)
def test_long_names_are_broken_but_whole(name, lines):
    assert broken(name).splitlines() == lines


def test_markdown_has_a_row_a_build_and_one_width(document):
    text = results_markdown(document)
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len(table) == 2 + len(ROWS)
    assert len({line.replace("\\|", "").count("|") for line in table}) == 1
    assert "- **no-repack** is simpler" in text
    whole = render_markdown(document)
    assert "shares the build of native: nothing to build" in whole
    assert "- tcmalloc: unsupported, tcmalloc is not installed here" in whole


def test_csv_files(material):
    compared = {(row["variant"], row["workload"]): row for row in rows(comparisons_csv(material))}
    huge = compared["hugealloc", "tg16"]
    assert (huge["kind"], huge["huge_page_share"]) == ("allocators", "0.93")
    assert float(huge["peak_rss_bytes"]) == 1.53e9
    assert len(rows(costs_csv(material))) == len(ROWS)
    ran = rows(executions_csv(material))
    assert {row["method"] for row in ran} == {"perf cpu-clock", "SIGPROF sampler"}
    assert {row["workload"] for row in ran} == {"pp64", "tg16"}


def test_page_has_every_section_and_balanced_tags(html):
    page = Page(html)
    assert page.open == []
    assert {section.name for section in SECTIONS} - set(page.ids) == {"sweep"}
    assert len(page.ids) == len(set(page.ids))
    text = "".join(page.text)
    for expected in (
        "source pypi:ik-llama-cpp-python==0.1.5",
        "built without avx2, fma, f16c, which this CPU has",
        "wrong allocator",
        "bad variant",
        "8.9 times",
        "shares the build of clang-19+pgo: nothing to build",
        "1,288",
        "llama-bench -t 1 -p 24 -n 0 -r 1 -m …/train.gguf",
        "dispatch picked libggml-cpu-sapphirerapids.so",
    ):
        assert expected in text, expected
    assert "someone" not in text


def test_tags_name_those_that_stand_out(document):
    assert tags(document) == {
        "no-repack+hugealloc": ["ahead at pp64"],
        "ik-rtr": ["fastest at tg16", "best over all"],
    }


def test_hostile_proofs_are_only_ever_text(comparisons):
    run = catalogue.run()
    arms = []
    for arm in run.arms:
        executions = tuple(
            msgspec.structs.replace(
                execution,
                method=HOSTILE,
                reason=execution.reason and HOSTILE,
                libraries={QUOTED: 0.5},
                functions=tuple(
                    msgspec.structs.replace(
                        function, name=HOSTILE, library=QUOTED, groups=(QUOTED,)
                    )
                    for function in execution.functions
                ),
            )
            for execution in arm.executions
        )
        allocation = arm.allocation and msgspec.structs.replace(
            arm.allocation, library=HOSTILE, expected=QUOTED, reason=HOSTILE
        )
        build = arm.build and msgspec.structs.replace(
            arm.build,
            profiles=tuple(
                msgspec.structs.replace(profile, kind=HOSTILE, training=(QUOTED,), model=HOSTILE)
                for profile in arm.build.profiles
            ),
            stages=tuple(
                msgspec.structs.replace(stage, name=f"{HOSTILE}{QUOTED}")
                for stage in arm.build.stages
            ),
        )
        arms.append(
            msgspec.structs.replace(arm, executions=executions, allocation=allocation, build=build)
        )
    material = prepare(msgspec.structs.replace(run, arms=tuple(arms)), (), comparisons)
    page = Page(render_html(material))
    assert page.open == []
    assert page.tags.count("script") == 1
    assert "img" not in page.tags
    assert HOSTILE in "".join(page.text)


def test_folder_has_the_tables_of_what_ran_and_what_it_cost(material, tmp_path, monkeypatch):
    monkeypatch.setattr("llamabuild.report.plots.PLOTS", ())
    monkeypatch.setattr("llamabuild.report.write._html", lambda _: "")
    write_material(material, tmp_path)
    assert {"executions.csv", "build-cost.csv"} <= {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.name)
def test_pictures_keep_every_name_whole(plot, material):
    figure = plot.figure(material)
    if plot.name in {"formats", "roofline", "sweep"}:
        assert figure is None  # this run has no probes and is no sweep
        return
    figure.draw_without_rendering()
    width = figure.get_size_inches()[0] * figure.dpi
    texts = [text for axes in figure.axes for text in axes.texts]
    ends = [text.get_window_extent() for text in texts if text.get_text()]
    assert all(end.x0 >= -1 and end.x1 <= width + 1 for end in ends)
    shown = {text.get_text() for text in texts}
    if plot.name in {"ratios", "execution"}:
        assert "native+clang-19+pgo+mimalloc" in shown
        names = [text for text in texts if text.get_text() in NAMES]
        axes_left = figure.axes[0].get_window_extent().x0
        assert all(text.get_window_extent().x1 <= axes_left + 1 for text in names)
