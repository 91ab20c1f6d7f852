"""Arms with a model of their own: which, made how, kept, too large, or with the reason why not."""

import hashlib
from pathlib import Path
from types import SimpleNamespace

import gguf
import msgspec
import numpy as np
import pytest

from llamabuild.errors import BadInput, BuildFailed, EnvironmentLacks
from llamabuild.interrupts import Interrupts
from llamabuild.model import formats as model_formats
from llamabuild.model import resolve_model
from llamabuild.model.formats import in_format
from llamabuild.model.presets import load_quantizations
from llamabuild.pipeline import formats
from llamabuild.pipeline.fitting import without_the_too_large
from llamabuild.pipeline.formats import check_tool, with_models
from llamabuild.pipeline.observer import Observer
from llamabuild.pipeline.recipes import Recipes
from llamabuild.store.paths import cache_dir
from llamabuild.types.run import Arm, Axis, model_of
from llamabuild.variants import CannotCombine, load_catalogue
from llamabuild.variants.axes import make_axis, make_sweep
from llamabuild.variants.settings import settings
from tests.runs import MACHINE, SOURCE, make_model, make_run

CATALOGUE = load_catalogue(SOURCE.spec, [])


def file_with(path, quantization, width=64):
    """A model file that says that it has a format."""
    types = {"F16": 1, "Q4_1": 3, "Q8_0": 7, "Q2_K": 10}
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("small")
    writer.add_file_type(types[quantization])
    writer.add_block_count(1)
    writer.add_tensor("x", np.full((4, width), types[quantization], dtype=np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture
def model(tmp_path):
    return resolve_model(str(file_with(tmp_path / "mine.gguf", "F16")))


class Quantizer:
    """In the place of llama-quantize."""

    def __init__(self):
        self.made = []

    def __call__(self, full, target, quantization):
        self.made.append((full.name, quantization))
        if quantization == "Q4_1":
            message = "llama-quantize exited with 1: no such type"
            raise BuildFailed(message)
        file_with(target, quantization)


def quiet(_line):
    pass


def test_the_names_are_those_that_llama_quantize_makes_from_the_most_bits_on():
    choices = settings()["quantization"].choices
    assert set(choices) == set(load_quantizations())
    ordered = make_axis("quantization", ["Q2_K", "F16", "Q8_0", "F16"], {})
    assert ordered.values == ("F16", "Q8_0", "Q2_K")


def test_the_best_is_what_the_others_are_compared_with():
    points = make_sweep("native", [make_axis("quantization", [], {})]).points
    assert points[0].variant == "native+quantization=F16"
    crossed = make_sweep(
        "native",
        [Axis(setting="quantization", what="", values=("F16",)),
         Axis(setting="poll", what="", values=("0",))],
    )  # fmt: skip
    assert [point.variant for point in crossed.points] == [
        "native",
        "native+quantization=F16+poll=0",
    ]


def test_a_format_is_no_argument_of_llama_bench_but_another_model():
    variant = CATALOGUE.get("native+quantization=Q8_0+threads=2")
    assert variant.runtime.quantization == "Q8_0"
    assert variant.runtime.bench == ("-t", "2")
    plain = CATALOGUE.get("native+threads=2")
    assert msgspec.structs.replace(variant.runtime, quantization="") == plain.runtime
    recipe = Recipes(CATALOGUE).recipe
    assert recipe("native+quantization=Q8_0+threads=2") != recipe("native+threads=2")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("native+quantization=q8_0", "did you mean 'Q8_0'"),
        ("native+quantization=Q7_X", "is not a value for the format"),
        ("native+quantization=COPY", "write it like quantization=Q4_K_M"),
    ],
)
def test_an_unknown_format_gets_a_remedy(name, says):
    with pytest.raises(BadInput, match=says):
        CATALOGUE.get(name)


def test_two_formats_do_not_go_together_and_no_file_names_one(tmp_path):
    with pytest.raises(CannotCombine, match="runtime.quantization is 'Q8_0'"):
        CATALOGUE.get("native+quantization=Q8_0+quantization=Q2_K")
    own = tmp_path / "own.toml"
    own.write_text('description = "d"\n[runtime]\nquantization = "Q8_0"\n')
    with pytest.raises(BadInput, match=r"runtime.quantization is not for files: settings have one"):
        load_catalogue(SOURCE.spec, [tmp_path])


def test_a_format_is_made_once_and_made_again_when_it_is_damaged(model):
    quantize = Quantizer()
    found = in_format(model, "Q8_0", SOURCE, quantize, quiet)
    assert (found.quantization, found.spec) == ("Q8_0", f"{model.spec} as Q8_0")
    assert found.tensor_bytes == {"F16": 512}
    assert found.bits_per_weight == 8 * found.size_bytes / 256
    assert in_format(model, "Q8_0", SOURCE, quantize, quiet) == found
    assert quantize.made == [("mine.gguf", "Q8_0")]
    assert not list(cache_dir("scratch").iterdir())
    Path(found.path).write_bytes(b"GGUF")
    assert in_format(model, "Q8_0", SOURCE, quantize, quiet).sha256 == found.sha256
    assert len(quantize.made) == 2


def test_another_version_of_llama_quantize_makes_another_file(model):
    quantize = Quantizer()
    other = msgspec.structs.replace(SOURCE, digest="e" * 64)
    paths = {in_format(model, "Q8_0", each, quantize, quiet).path for each in (SOURCE, other)}
    assert len(paths) == 2


def test_its_own_format_is_the_model_itself(model):
    assert in_format(model, "F16", SOURCE, Quantizer(), quiet) is model


def test_formats_of_a_synthetic_model_are_synthetic_models(monkeypatch):
    asked = []
    monkeypatch.setattr(model_formats, "resolve_model", lambda spec, **_: asked.append(spec))
    made = msgspec.structs.replace(
        make_model(), spec="synthetic:tiny:Q4_K_M", quantization="Q4_K_M", synthetic=True
    )
    in_format(made, "F16", SOURCE, Quantizer(), quiet)
    assert asked == ["synthetic:tiny:F16"]


def test_disk_space_is_asked_for_before_anything_is_written(model, monkeypatch):
    free = SimpleNamespace(free=1000)
    monkeypatch.setattr(model_formats.shutil, "disk_usage", lambda _: free)
    quantize = Quantizer()
    with pytest.raises(EnvironmentLacks, match=r"small as Q8_0 needs 0.3 GB .*free some space"):
        in_format(model, "Q8_0", SOURCE, quantize, quiet)
    assert quantize.made == []


def arms_of(*names):
    variants = map(CATALOGUE.get, names)
    return tuple(Arm(name=v.name, status="pending", reason="", variant=v) for v in variants)


@pytest.fixture
def given(monkeypatch):
    """Give arms their models; returns what they became."""
    maker = SimpleNamespace(sources=SimpleNamespace(baseline=SOURCE))
    monkeypatch.setattr(formats, "quantizer", lambda *_: Quantizer())

    def give(model, arms, baseline="native"):
        run = msgspec.structs.replace(make_run(arms=arms, model=model), baseline=baseline)
        return with_models(run, arms, maker, Observer(), Interrupts()), run

    return give


def test_an_arm_has_a_model_of_its_own_where_it_differs(given, model):
    arms = arms_of("native", "native+quantization=F16", "native+quantization=Q8_0")
    found, run = given(model, arms)
    assert [arm.model is None for arm in found] == [True, True, False]
    assert [model_of(run, arm).quantization for arm in found] == ["F16", "F16", "Q8_0"]


def test_a_format_that_cannot_be_made_is_a_row_with_its_reason(given, model):
    arms = arms_of("native", "native+quantization=Q4_1", "native+quantization=Q2_K")
    found, _ = given(model, arms)
    assert [arm.status for arm in found] == ["pending", "no model", "pending"]
    assert "exited with 1: no such type" in found[1].reason


def test_without_its_own_model_the_baseline_ends_the_run(given, model):
    with pytest.raises(BuildFailed, match="no such type"):
        given(model, arms_of("native+quantization=Q4_1"), "native+quantization=Q4_1")


def test_a_resumed_arm_keeps_its_model_or_the_run_ends(given, model):
    found, _ = given(model, arms_of("native", "native+quantization=Q8_0"))
    assert given(model, found)[0] == found
    other = msgspec.structs.replace(found[1].model, sha256=hashlib.sha256(b"x").hexdigest())
    changed = (found[0], msgspec.structs.replace(found[1], model=other))
    with pytest.raises(BadInput, match="has changed since run"):
        given(model, changed)


def test_a_tree_without_llama_quantize_is_refused_at_once(tmp_path):
    source = msgspec.structs.replace(SOURCE, tree=str(tmp_path))
    check_tool(source, arms_of("native"))
    with pytest.raises(BadInput, match="has no llama-quantize, .*: name another with --source"):
        check_tool(source, arms_of("native+quantization=Q8_0"))
    (tmp_path / "tools/quantize").mkdir(parents=True)
    check_tool(source, arms_of("native+quantization=Q8_0"))


def test_a_model_beyond_the_memory_is_not_loaded():
    [arm] = arms_of("native+quantization=Q8_0")
    own = msgspec.structs.replace(make_model(), size_bytes=30 << 30, quantization="Q8_0")
    arm = msgspec.structs.replace(arm, model=own)
    run = make_run(arms=(arm,))

    def fitted(memory):
        machine = msgspec.structs.replace(MACHINE, memory_bytes=memory)
        return without_the_too_large(msgspec.structs.replace(run, machine=machine), [arm])[0]

    assert fitted(64 << 30) == arm
    assert fitted(32 << 30).status == "unsupported"
    assert fitted(32 << 30).reason == "model and KV cache need 32.2 GB, this machine has 34.4"
