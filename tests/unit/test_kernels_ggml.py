"""The table of ggml's kernels, and libraries that aren't there."""

import pytest

from llamabuild.errors import BadInput, EnvironmentLacks
from llamabuild.kernels import ggml
from llamabuild.kernels.formats import find_format, formats
from llamabuild.kernels.ggml_library import load
from llamabuild.machine.features import feature_table


def test_every_weight_format_is_in_the_table_once():
    facts = ggml.facts().format
    assert set(facts) == {f.name for f in formats() if f.activation}
    assert len({f.type for f in facts.values()}) == len(facts)


def test_symbols_follow_ggmls_rule():
    for name, facts in ggml.facts().format.items():
        activation = find_format(name).activation
        other = "" if activation == name in ("f32", "f16", "bf16") else f"_{activation}"
        assert facts.vec_dot == f"ggml_vec_dot_{name}{other}"


def test_layouts_and_features_have_known_names():
    known = {f.name for f in feature_table().feature}
    words = set(ggml.facts().features)
    for needed in ggml.facts().features.values():
        assert set(needed) <= known
    for facts in ggml.facts().format.values():
        for layout in facts.layouts:
            assert layout.panel_rows in (4, 8)
            assert layout.chunk in (4, 8)
            assert set(layout.needs) <= words | {"sve32"}


def test_no_kernels_for_a_format_of_activations():
    with pytest.raises(BadInput, match="no kernels for a format called 'q8_K'"):
        ggml.facts_of("q8_K")


def test_libraries_that_are_not_there_are_named(tmp_path):
    library = tmp_path / "libggml-cpu.so"
    with pytest.raises(EnvironmentLacks, match=r"libggml-cpu\.so is not there: build the variant"):
        load(library)
    library.write_bytes(b"\x7fELF")
    with pytest.raises(EnvironmentLacks, match="no libggml-base beside .*shared libraries"):
        ggml.functions(library, "static")


def test_a_file_that_is_no_library_is_refused(tmp_path):
    library = tmp_path / "libggml-cpu.so"
    for name in (library.name, "libggml-base.so"):
        (tmp_path / name).write_bytes(b"\x7fELF, but no more")
    with pytest.raises(EnvironmentLacks, match="can't be used on this machine: loading it exited"):
        load(library)
