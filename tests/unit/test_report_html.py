"""The page: complete, self-contained, and deaf to hostile text."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import msgspec
import pytest

from llamabuild.report.html import prose, render_html
from llamabuild.report.material import prepare
from llamabuild.report.sections import SECTIONS
from llamabuild.types.comparison import ComparisonSet
from tests import report_fixture as fixture

HOSTILE = "<script>alert(1)</script>"
QUOTED = "\"><img src=x onerror='alert(2)'>"
VOID = {"meta", "link", "br", "img", "input", "hr", "path", "use", "rect"}


class Page(HTMLParser):
    """Tags, ids and attributes, with a check that tags are balanced."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.ids, self.attributes, self.open, self.text = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> without a start"
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def html():
    comparisons = fixture.comparison_set()
    return render_html(prepare(fixture.run(), fixture.trials(), comparisons, "one of 2 %"))


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def test_an_older_run_has_all_but_the_proofs_and_tags_balance(page):
    assert page.open == []
    sections = {section.name for section in SECTIONS}
    assert sections - set(page.ids) == {"execution", "memory", "profiles", "sweep"}
    assert page.tags.count("h1") == 1


def test_ids_are_unique_over_all_pictures(page):
    assert len(page.ids) == len(set(page.ids))
    targets = {value[1:] for name, value in page.attributes if name == "href" and value[0] == "#"}
    assert targets <= set(page.ids)
    referenced = {
        name for _, value in page.attributes for name in re.findall(r"url\(#([^)]+)\)", value or "")
    }
    assert referenced <= set(page.ids)


def test_page_loads_nothing(html, page):
    loading = {"src", "srcset", "data", "action", "background", "poster"}
    assert not loading & {name for name, _ in page.attributes}
    links = [value for name, value in page.attributes if name.endswith("href")]
    assert all(value.startswith(("#", "data:,")) for value in links)
    assert "@import" not in html
    assert not re.search(r"url\((?!#)", html)


def test_policy_allows_only_the_pages_own_script(html):
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html).group(1)
    script = re.search(r"<script>(.*)</script>", html, re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert not re.search(r"\son\w+=", html)


def test_numbers_reasons_and_provenance_are_shown(page):
    text = "".join(page.text)
    for expected in (
        "1.38×",
        "this CPU lacks amx",
        "no function that matches ggml_vec_dot_* has avx512bw",
        "steal time 7 % of the block",
        "llama-bench was ended by SIGILL",
        fixture.digest("model"),
        fixture.digest("source"),
        "20261122",
        "-DGGML_NATIVE=OFF",
        "One of 2 %.",
    ):
        assert expected in text
    assert "someone" not in text


def test_rows_without_a_number_have_no_sort_value(html):
    table = html[html.index('id="results"') : html.index('id="ratios"')]
    row = table[table.index("<code>lto</code>") :].split("</tr>")[0]
    values = re.findall(r'data-value="([^"]*)"', row)
    assert values[0] == "build failed"
    assert not [value for value in values if re.fullmatch(r"[\d.]+", value)]


def hostile_run():
    run, comparisons = fixture.run(), fixture.comparison_set()
    arms = []
    for arm in run.arms:
        evil = msgspec.structs.replace(arm.variant, description=QUOTED, cmake={HOSTILE: QUOTED})
        arms.append(msgspec.structs.replace(arm, variant=evil, reason=arm.reason and HOSTILE))
    native = next(place for place, arm in enumerate(arms) if arm.name == "native")
    functions = msgspec.structs.replace(
        arms[native].inspections[0],
        file=QUOTED,
        functions=tuple(
            msgspec.structs.replace(function, name=f"{function.name}{HOSTILE}$x$")
            for function in arms[native].inspections[0].functions
        ),
    )
    arms[native] = msgspec.structs.replace(arms[native], name=HOSTILE, inspections=(functions,))
    run = msgspec.structs.replace(
        run,
        arms=tuple(arms),
        id=QUOTED,
        command=(HOSTILE, QUOTED, "`;$(x)"),
        source=msgspec.structs.replace(run.source, spec=HOSTILE, version=QUOTED),
        model=msgspec.structs.replace(run.model, name=HOSTILE, quantization=QUOTED),
        machine=msgspec.structs.replace(
            run.machine, cpu=msgspec.structs.replace(run.machine.cpu, brand=HOSTILE)
        ),
    )
    comparisons = msgspec.structs.replace(
        comparisons,
        comparisons=tuple(
            msgspec.structs.replace(item, arm=HOSTILE) if item.arm == "native" else item
            for item in comparisons.comparisons
        ),
    )
    trials = tuple(
        msgspec.structs.replace(
            trial,
            arm=HOSTILE if trial.arm == "native" else trial.arm,
            error=HOSTILE if trial.error else "",
            output={**trial.output, HOSTILE: QUOTED, "cpu_info": "=cmd|' /C calc'!A0"},
        )
        for trial in fixture.trials()
    )
    return prepare(run, trials, comparisons, HOSTILE)


def test_hostile_text_is_only_ever_text(page):
    hostile = Page(render_html(hostile_run()))
    assert hostile.open == []
    assert hostile.tags.count("script") == page.tags.count("script") == 1
    assert "img" not in hostile.tags
    assert not [name for name, _ in hostile.attributes if name.startswith("on")]
    assert HOSTILE in "".join(hostile.text)


def test_prose_marks_names_and_escapes_them():
    assert prose("`a<b>` is 1.2× <i>") == (
        "<code>a&lt;b&gt;</code> is <strong>1.2×</strong> &lt;i&gt;"
    )


def test_a_run_that_measured_nothing_still_has_a_page():
    run = fixture.run()
    bare = tuple(
        msgspec.structs.replace(arm, inspections=(), expectations=(), build=None)
        for arm in run.arms
    )
    nothing = ComparisonSet(blocks=0, look=0, alpha=0.01, decided=False, noise=(), comparisons=())
    run = msgspec.structs.replace(run, arms=bare, status="interrupted", finished="")
    empty = Page(render_html(prepare(run, (), nothing)))
    text = "".join(empty.text)
    assert empty.open == []
    assert "no winner" in text
    assert "svg" not in empty.tags
