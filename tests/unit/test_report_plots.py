"""Pictures: the same bytes each time, themed, and honest about what is far away."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import msgspec
import pytest

from llamabuild.inspect.isa import isa_of
from llamabuild.report.isa import highest, in_order, kernels_of, short_name
from llamabuild.report.material import prepare
from llamabuild.report.palette import colours
from llamabuild.report.plots import FOREST, PLOTS
from llamabuild.report.plots.figure import as_bytes
from llamabuild.report.plots.forest import limits
from llamabuild.report.plots.inline import inline_svg
from llamabuild.report.plots.isa import level
from llamabuild.report.plots.timeline import relative_series
from llamabuild.types.run import Axis
from tests import report_fixture as fixture
from tests import sweep_fixture
from tests.kernel_report_fixture import TRAFFIC, kernel_run
from tests.report_fixture.catalogue_proof import executions
from tests.report_fixture.catalogue_rows import ROWS


@pytest.fixture(scope="module")
def material():
    model = msgspec.structs.replace(fixture.run().model, traffic=TRAFFIC)
    run = msgspec.structs.replace(fixture.run(), model=model)
    return prepare(run, fixture.trials(), fixture.comparison_set(), "", kernel_run())


@pytest.fixture(scope="module")
def executed(material):
    """Return the material with what ran in it."""
    arms = tuple(
        msgspec.structs.replace(arm, executions=executions(ROWS[0]))
        if arm.status == "ready"
        else arm
        for arm in material.run.arms
    )
    run = msgspec.structs.replace(material.run, arms=arms)
    return prepare(run, material.trials, fixture.comparison_set(), "", kernel_run())


@pytest.fixture(scope="module")
def swept():
    return sweep_fixture.material(
        Axis(setting="threads", what="", values=("1", "2", "4")),
        lambda name: sweep_fixture.SPEED[sweep_fixture.threads_of(name)],
    )


@pytest.fixture(scope="module")
def weighed():
    return sweep_fixture.formats_material()


@pytest.fixture
def shown(plot, executed, swept, weighed):
    """Return a material in which the plot has something to show."""
    own = {"sweep": swept, "formats": weighed}
    return own.get(plot.name, executed)


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.name)
def test_svg_is_deterministic_and_free_of_dates(plot, shown):
    first = as_bytes(plot.figure(shown), "svg")
    assert first == as_bytes(plot.figure(shown), "svg")
    assert b"<dc:date>" not in first


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.name)
def test_inline_svg_takes_all_its_colours_from_the_page(plot, shown):
    text = inline_svg(plot.figure(shown), plot.name, plot.title)
    root = ET.fromstring(text)
    assert root.get("aria-label") == plot.title
    styles = " ".join(element.get("style", "") for element in root.iter())
    assert "#" not in styles.replace("url(#", "")
    assert "var(--ink)" in styles


def test_themes_have_the_same_roles_and_distinct_light_colours():
    light, dark = colours("light"), colours("dark")
    assert light.keys() == dark.keys()
    assert len(set(light.values())) == len(light)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    "role", ["ink", "muted", "faster", "slower", "equivalent", "unclear", "good", "warn", "bad"]
)
def test_text_has_the_contrast_of_wcag_aa(theme, role):
    table = colours(theme)
    for ground in ("page", "panel"):
        assert contrast(table[role], table[ground]) >= 4.5


def contrast(one, other):
    def luminance(colour):
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_a_far_slower_build_does_not_squeeze_the_others(material):
    results = [variant.workloads[0] for variant in material.document.variants]
    low, high = limits([result for result in results if result.ratio], 0.01)
    assert low > 0.9
    assert 1.39 < high < 1.6


def test_a_much_faster_build_stays_in_the_picture(material):
    result = material.document.variants[5].workloads[0]
    fast = msgspec.structs.replace(result, ratio=2.31, low=2.2, high=2.4)
    assert limits([fast], 0.01)[1] > 2.4


def test_dollar_signs_and_odd_letters_in_names_are_drawn():
    run, comparisons = fixture.run(), fixture.comparison_set()
    odd = "$\\frac$ 模型"
    run = msgspec.structs.replace(
        run,
        arms=tuple(
            msgspec.structs.replace(arm, name=odd) if arm.name == "native" else arm
            for arm in run.arms
        ),
    )
    comparisons = msgspec.structs.replace(
        comparisons,
        comparisons=tuple(
            msgspec.structs.replace(item, arm=odd) if item.arm == "native" else item
            for item in comparisons.comparisons
        ),
    )
    material = prepare(run, fixture.trials(), comparisons)
    assert as_bytes(FOREST.figure(material), "png").startswith(b"\x89PNG")
    assert odd in inline_svg(FOREST.figure(material), "x", "x")


def test_series_are_relative_to_the_baselines_median(material):
    series = relative_series(material)
    counted = sorted(
        speed
        for block, speed in series[fixture.BASELINE_ARM, "pp64"].items()
        if block not in {0, fixture.DISCARDED}
    )
    assert counted[len(counted) // 2 - 1] <= 1 <= counted[len(counted) // 2]
    assert series["sse42", "pp64"][9] is None


def test_kernels_of_the_model_come_first_and_fallbacks_are_left_out():
    names = [f.name for _, f in kernels_of((fixture.inspection("avx2"),), "Q4_1")]
    assert "ggml_vec_dot_q4_1_q8_1" in names[:4]
    assert "ggml_vec_dot_q4_1_q8_1_generic" not in names
    assert "ggml_vec_dot_q6_K_q8_K" not in names
    assert "ggml_graph_plan" not in names


def test_file_types_find_the_kernels_of_their_tensors():
    names = [f.name for _, f in kernels_of((fixture.inspection("avx2"),), "Q6_K")]
    assert names[0] == "ggml_vec_dot_q6_K_q8_K"
    recipe = [f.name for _, f in kernels_of((fixture.inspection("avx2"),), "Q4_1_M")]
    assert "ggml_vec_dot_q4_1_q8_1" in recipe


def test_highest_group_goes_by_age_not_by_count():
    assert highest({"sse2": 900, "avx512vnni": 1, "avx2": 50}) == "avx512vnni"
    assert highest({"avx2": 3, "bmi2": 9}) == "avx2"
    assert highest({"sse2": 3, "bmi2": 9}) == "sse2"
    assert highest({"avx2": 0}) == "none"
    assert highest({}) == "none"


@pytest.mark.parametrize("architecture", ["x86_64", "aarch64"])
def test_groups_are_ranked_as_inspect_ranks_them(architecture):
    groups = isa_of(architecture).groups
    names = [group.name for group in groups]
    assert in_order(reversed(names)) == names
    assert [name for name in names if highest({name: 1}) == "none"] == [
        group.name for group in groups if not group.simd
    ]


def test_functions_that_only_forward_are_no_kernels():
    inspection = fixture.inspection("avx2")
    tiny = msgspec.structs.replace(inspection.functions[0], instructions=2, vector=0)
    names = [
        function.name
        for _, function in kernels_of(
            (msgspec.structs.replace(inspection, functions=(tiny, *inspection.functions[1:])),),
            "Q4_1",
        )
    ]
    assert tiny.name not in names


def test_short_names():
    assert short_name("ggml_vec_dot_f16") == "ggml_vec_dot_f16"
    assert short_name("void (anonymous namespace)::f<a, b>(int, long)") == "f<a, b>"
    assert len(short_name("x" * 100)) <= 34


def test_colour_steps_cover_all_shares():
    assert [level(share) for share in (0.0, 0.3, 1.0, 1.2)] == [0, 1, 4, 4]
