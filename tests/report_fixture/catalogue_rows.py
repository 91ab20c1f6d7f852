"""The catalogue's made-up builds, one line each."""

from __future__ import annotations

from dataclasses import dataclass, field

from llamabuild.types.variant import Allocator, Optimize


@dataclass(frozen=True)
class Row:
    """One build: what it is, how fast it is, and what it shares."""

    name: str
    kind: str
    pp: float = 0.0
    tg: float = 0.0
    isa: str = "native"
    build: str = ""
    """Name of the row whose build it runs; empty: its own."""
    status: str = "ready"
    reason: str = ""
    optimize: Optimize = field(default_factory=Optimize)
    allocator: Allocator = field(default_factory=Allocator)
    huge: float = 0.0
    """Share of resident memory on huge pages."""
    compiler: str = ""
    source: str = ""
    parts: tuple[str, ...] = ()
    cmake: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    bench: tuple[str, ...] = ()


def _preload(name: str) -> Allocator:
    return Allocator(name=name, how="preload")


def _link(name: str) -> Allocator:
    return Allocator(name=name, how="link")


NOT_THERE = "tcmalloc is not installed here (Debian: apt install libgoogle-perftools-dev)"
ROWS = (
    Row("generic", "simd", 0.0221, 0.131, isa="generic"),
    Row("sse42", "simd", 0.31, 0.61, isa="sse42"),
    Row("avx2", "simd", 0.68, 0.99, isa="avx2"),
    Row("avx512", "simd", 0.82, 0.995, isa="avx512"),
    Row("avx512-vnni", "simd", 0.985, 1.001, isa="avx512-vnni"),
    Row("native", "simd", 1.0, 1.0),
    Row("amx", "simd", status="unsupported", reason="this CPU lacks amx"),
    Row("native-o3", "compilers", 1.002, 1.0),
    Row("gcc-12", "compilers", 1.0, 1.001, build="native"),
    Row("clang-19", "compilers", 1.08, 1.028, compiler="clang-19"),
    Row("clang-20", "compilers", status="unsupported",
        reason="clang++-20 is not installed here (Debian: apt install clang-20 lld-20)"),
    Row("o2", "compilers", 0.99, 1.0, optimize=Optimize(level="2")),
    Row("ofast", "compilers", status="wrong output", optimize=Optimize(level="fast"),
        reason="mean KL divergence 0.081 nats per token against the baseline, at most 0.001 "
        "allowed"),
    Row("lto", "compilers", 1.003, 1.002, optimize=Optimize(lto="full")),
    Row("clang-19+lto", "compilers", 1.081, 1.03, compiler="clang-19",
        optimize=Optimize(lto="thin"), parts=("clang-19", "lto")),
    Row("pgo", "profiles", 0.985, 1.018, optimize=Optimize(pgo=True)),
    Row("clang-19+pgo", "profiles", 1.09, 1.033, compiler="clang-19",
        optimize=Optimize(pgo=True), parts=("clang-19", "pgo")),
    Row("bolt", "profiles", 1.0, 1.004, optimize=Optimize(bolt=True)),
    Row("pgo-bolt", "profiles", 0.995, 1.016, optimize=Optimize(pgo=True, bolt=True)),
    Row("bolt-lto", "profiles", status="build failed", optimize=Optimize(bolt=True, lto="full"),
        reason="bolt: llvm-bolt-19: relocations of libggml-cpu.so are missing"),
    Row("mimalloc", "allocators", 1.0, 1.002, build="native", allocator=_preload("mimalloc"),
        huge=0.03),
    Row("mimalloc-linked", "allocators", 0.999, 1.001, allocator=_link("mimalloc"), huge=0.03),
    Row("jemalloc", "allocators", 0.998, 1.0, build="native", allocator=_preload("jemalloc")),
    Row("jemalloc-static", "allocators", status="wrong allocator", allocator=_preload("jemalloc"),
        reason="malloc was bound to llama-bench itself, not to libjemalloc.so.2: a static program "
        "ignores LD_PRELOAD"),
    Row("tcmalloc", "allocators", status="unsupported", reason=NOT_THERE),
    Row("hugealloc", "allocators", 1.012, 1.061, build="native", allocator=_preload("hugealloc"),
        huge=0.93),
    Row("hugealloc-linked", "allocators", 1.01, 1.058, allocator=_link("hugealloc"), huge=0.93),
    Row("glibc-huge", "allocators", 0.94, 0.99, build="native", huge=0.88,
        environment={"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}),
    Row("no-openmp", "switches", 1.0, 1.036, cmake={"GGML_OPENMP": "OFF"}),
    Row("no-repack", "switches", 1.27, 0.93, build="native", bench=("--repack", "0")),
    Row("no-llamafile", "switches", 0.974, 1.0, cmake={"GGML_LLAMAFILE": "OFF"}),
    Row("openblas", "switches", 1.12, 1.0, cmake={"GGML_BLAS": "ON"}),
    Row("static", "switches", 1.001, 1.002, cmake={"BUILD_SHARED_LIBS": "OFF"}),
    Row("dispatch", "switches", 0.99, 0.995,
        cmake={"GGML_BACKEND_DL": "ON", "GGML_CPU_ALL_VARIANTS": "ON"}),
    Row("ik", "trees", 1.03, 0.97, source="pypi:ik-llama-cpp-python==0.1.5"),
    Row("ik-rtr", "trees", 0.99, 1.2, build="ik", bench=("-rtr", "1"),
        source="pypi:ik-llama-cpp-python==0.1.5"),
    Row("native@0.3.30", "trees", 0.96, 0.98, source="pypi:llama-cpp-python==0.3.30"),
    Row("prebuilt:llama-bench", "prebuilt", 0.023, 0.135, isa="generic"),
    Row("native+clang-19+pgo+mimalloc", "composed", 1.091, 1.031, build="clang-19+pgo",
        compiler="clang-19", optimize=Optimize(pgo=True), allocator=_preload("mimalloc"),
        huge=0.03, parts=("native", "clang-19", "pgo", "mimalloc")),
    Row("no-repack+hugealloc", "composed", 1.272, 0.985, build="native",
        allocator=_preload("hugealloc"), huge=0.93, parts=("no-repack", "hugealloc"),
        bench=("--repack", "0")),
    Row("my-variant", "", status="bad variant",
        reason="my-variant.toml: cmake.LLAMA_AVX2: no such CMake variable; did you mean "
        "'GGML_AVX2'"),
)  # fmt: skip
DESCRIPTIONS = {
    "simd": "Instruction sets of one CPU generation",
    "compilers": "The same source by another compiler, or at another level",
    "profiles": "Laid out by a profile of a training run",
    "allocators": "Another malloc, with the weights loaded into its memory",
    "switches": "A part of ggml switched on or off",
    "trees": "Another tree of llama.cpp",
    "prebuilt": "Somebody else's llama-bench",
    "composed": "Several of the others at once",
    "": "",
}
