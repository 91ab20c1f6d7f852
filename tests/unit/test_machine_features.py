"""Features by name, on simulated processors."""

import pytest

from llamabuild.machine import x86
from llamabuild.machine.features import arm_features, feature_table, x86_features
from llamabuild.types.machine import Cache

# Recorded from an AMD EPYC (Zen 4) in a KVM guest. Leaf 4 is Intel's and empty.
ZEN4 = {
    (0x0, 0): (0x1C, 0x68747541, 0x444D4163, 0x69746E65),
    (0x1, 0): (0xA10F11, 0x1020800, 0xFFFA3203, 0x178BFBFF),
    (0x7, 0): (0x1, 0xF1BF07AB, 0x405FC6, 0x10),
    (0x7, 1): (0x20, 0x0, 0x0, 0x0),
    (0x40000000, 0): (0x40000001, 0x4B4D564B, 0x564B4D56, 0x4D),
    (0x80000001, 0): (0xA10F11, 0x40000000, 0x4003F3, 0x2FD3FBFF),
    (0x80000002, 0): (0x20444D41, 0x43595045, 0x0, 0x0),
    (0x8000001D, 0): (0x121, 0x1C0003F, 0x3F, 0x0),
    (0x8000001D, 1): (0x122, 0x1C0003F, 0x3F, 0x0),
    (0x8000001D, 2): (0x143, 0x1C0003F, 0x7FF, 0x2),
    (0x8000001D, 3): (0x4163, 0x3C0003F, 0x7FFF, 0x1),
}
# Composed after the documentation of Sapphire Rapids: 48 KiB L1d, AMX, AVX-VNNI, FP16.
INTEL = {
    (0x0, 0): (0x20, 0x756E6547, 0x6C65746E, 0x49656E69),
    (0x1, 0): (0x806F8, 0x800800, 0x7FFAFBFF, 0xBFEBFBFF),
    (0x7, 0): (0x2, 0xF3BFB7EF, 0x1B415F7E, 0xFFDD4432),
    (0x7, 1): (0x1C30, 0x0, 0x0, 0x0),
    (0x4, 0): (0x3C004121, 0x2C0003F, 0x3F, 0x0),
    (0x4, 1): (0x3C004122, 0x1C0003F, 0x3F, 0x0),
    (0x4, 2): (0x3C004143, 0x3C0003F, 0x7FF, 0x0),
    (0x4, 3): (0x3C1FC163, 0x380003F, 0x1BFFF, 0x4),
}
# A Skylake desktop: no AVX-512, but RDSEED, ADX and others on the bits between.
SKYLAKE = {
    (0x1, 0): (0x506E3, 0x100800, 0x7FFAFBBF, 0xBFEBFBFF),
    (0x7, 0): (0x0, 0x29C6FBF, 0x0, 0x9C002400),
    (0x80000001, 0): (0x0, 0x0, 0x121, 0x2C100800),
}

SAVES_NOTHING = 0x0
SAVES_SSE = 0x3
SAVES_AVX = 0x7
SAVES_AVX512 = 0xE7
SAVES_AMX = 0x600E7
AVX512_OF_ZEN4 = {
    *("avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512cd", "avx512vbmi", "avx512vbmi2"),
    *("avx512vnni", "avx512bitalg", "avx512vpopcntdq", "avx512ifma", "avx512bf16"),
}
ISA_GROUPS = (
    "sse2 sse3 ssse3 sse41 sse42 avx avx2 fma f16c bmi1 bmi2 avxvnni avx512f avx512bw avx512dq "
    "avx512vl avx512cd avx512vbmi avx512vbmi2 avx512vnni avx512bitalg avx512vpopcntdq avx512ifma "
    "avx512bf16 avx512fp16 gfni vaes vpclmulqdq amx neon dotprod i8mm fp16 bf16 sve sve2 sme"
)


def cpu(recording):
    return lambda leaf, subleaf: recording.get((leaf, subleaf), (0, 0, 0, 0))


def groups(features):
    return {name for name in features if name.startswith("avx512")}


def test_every_isa_group_is_declared_once():
    names = [feature.name for feature in feature_table().feature]
    assert len(names) == len(set(names))
    assert set(ISA_GROUPS.split()) <= set(names)


def test_no_two_features_read_the_same_bit():
    bits = [feature.x86 or feature.arm for feature in feature_table().feature]
    places = {(type(b).__name__, *(getattr(b, f) for f in b.__struct_fields__)) for b in bits}
    assert None not in bits
    assert len(places) == len(bits)


def test_a_cpu_whose_system_saves_everything():
    features = set(x86_features(cpu(ZEN4), SAVES_AVX512))
    assert groups(features) == AVX512_OF_ZEN4
    assert {"sse2", "sse3", "avx2", "fma", "f16c", "lzcnt", "gfni", "vaes"} <= features
    assert features.isdisjoint({"avxvnni", "amx", "avx512fp16", "neon"})


def test_bits_of_other_meaning_are_no_features():
    assert x86_features(cpu(SKYLAKE), SAVES_AMX) == (
        *("avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "lzcnt", "movbe", "popcnt"),
        *("sse2", "sse3", "sse41", "sse42", "ssse3"),
    )


@pytest.mark.parametrize("missing", [1 << 5, 1 << 6, 1 << 7, 1 << 1, 1 << 2])
def test_avx512_needs_every_part_of_its_state_saved(missing):
    features = x86_features(cpu(ZEN4), SAVES_AVX512 & ~missing)
    assert groups(features) == set()
    assert "sse42" in features


def test_avx_stays_when_only_zmm_is_not_saved():
    features = set(x86_features(cpu(ZEN4), SAVES_AVX))
    assert {"avx", "avx2", "fma", "f16c", "vaes", "vpclmulqdq"} <= features
    assert groups(features) == set()


@pytest.mark.parametrize("xcr0", [SAVES_NOTHING, SAVES_SSE])
def test_nothing_in_ymm_without_its_state(xcr0):
    features = set(x86_features(cpu(ZEN4), xcr0))
    assert features.isdisjoint({"avx", "avx2", "fma", "f16c", "vaes", "vpclmulqdq"})
    assert {"sse42", "bmi1", "bmi2", "gfni"} <= features


def test_amx_needs_tile_state():
    without = set(x86_features(cpu(INTEL), SAVES_AVX512))
    assert without.isdisjoint({"amx", "amx_int8", "amx_bf16"})
    assert {"avxvnni", "avx512fp16", "avx512bf16"} <= without
    only_config = set(x86_features(cpu(INTEL), SAVES_AVX512 | 1 << 17))
    assert "amx" not in only_config
    both = set(x86_features(cpu(INTEL), SAVES_AMX))
    assert both - without == {"amx", "amx_int8", "amx_bf16"}


def test_arm_features_of_a_neoverse_v1():
    hwcap = 1 << 1 | 1 << 10 | 1 << 20 | 1 << 22
    hwcap2 = 1 << 13 | 1 << 14
    assert arm_features(hwcap, hwcap2) == ("bf16", "dotprod", "fp16", "i8mm", "neon", "sve")


def test_arm_words_are_not_mixed_up():
    assert arm_features(0, 1 << 1) == ("sve2",)
    assert arm_features(1 << 1, 0) == ("neon",)


def test_names_of_an_amd_guest():
    assert x86.vendor(cpu(ZEN4)) == "AuthenticAMD"
    assert x86.brand(cpu(ZEN4)) == "AMD EPYC"
    assert x86.hypervisor(cpu(ZEN4)) == "KVM"


def test_names_on_bare_metal():
    assert x86.vendor(cpu(INTEL)) == "GenuineIntel"
    assert x86.hypervisor(cpu(INTEL)) == ""


def test_an_unknown_hypervisor_keeps_its_own_name():
    leaf1 = (0, 0, 1 << 31, 0)
    signature = (0, 0x41414141, 0x42424242, 0x43434343)
    recording = {(1, 0): leaf1, (0x4000_0000, 0): signature}
    assert x86.hypervisor(cpu(recording)) == "AAAABBBBCCCC"
    assert x86.hypervisor(cpu({(1, 0): leaf1})) == "unknown"


def test_caches_in_amds_leaf():
    assert x86.caches(cpu(ZEN4), 2) == (
        Cache(level=1, kind="data", size_bytes=32 << 10, line_bytes=64, shared_by=1),
        Cache(level=1, kind="instruction", size_bytes=32 << 10, line_bytes=64, shared_by=1),
        Cache(level=2, kind="unified", size_bytes=1 << 20, line_bytes=64, shared_by=1),
        Cache(level=3, kind="unified", size_bytes=32 << 20, line_bytes=64, shared_by=2),
    )


def test_caches_in_intels_leaf():
    l1d, l1i, l2, l3 = x86.caches(cpu(INTEL), 112)
    assert (l1d.size_bytes, l1i.size_bytes, l2.size_bytes) == (48 << 10, 32 << 10, 2 << 20)
    assert l3.size_bytes == 105 << 20
    assert (l1d.shared_by, l3.shared_by) == (2, 112)


def test_a_cpu_that_never_ends_its_list_of_caches():
    assert len(x86.caches(lambda leaf, subleaf: (0x121, 0x1C0003F, 0x3F, 0), 1)) == 16
