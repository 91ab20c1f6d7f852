"""Whether a kernel computes what the reference does, on the very weights that are then timed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from llamabuild.kernels import ggml, run
from llamabuild.kernels.formats import dequantize, find_format, quantize
from llamabuild.kernels.ggml_graph import Graph
from llamabuild.kernels.ggml_library import load
from llamabuild.kernels.registry import Implementation, choose
from llamabuild.kernels.timing import DATA_SEED, PATTERN_ROWS, MatMul
from llamabuild.types.base import Data

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from llamabuild.kernels.timing import Job

    Bytes = NDArray[np.uint8]
    Floats = NDArray[np.float32]

TOLERANCE = 1e-5
"""Of the sum of absolute terms: floats are added in another order."""
OWN_ACTIVATIONS_TOLERANCE = 5e-3
"""Where ggml converts the activations itself, it may round them otherwise."""


class Check(Data, frozen=True, kw_only=True):
    """What came out."""

    correct: bool
    error: float
    """Largest, as a fraction of the sum of absolute terms."""


class Checker:
    """Checks each kernel once for each row length and number of columns."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, int, int], Check] = {}

    def check(self, job: Job) -> Check:
        """Compare a job's kernel with the scalar reference.

        Raises:
            EnvironmentLacks: It can't be run.
            ValueError: It doesn't fit its format.
        """
        key = (job.kernel, job.length, job.columns)
        if key not in self._known:
            self._known[key] = _check(job)
        return self._known[key]


def _check(job: Job) -> Check:
    name = job.kernel.format
    activation = find_format(name).activation or ""
    rng = np.random.default_rng
    values = rng(DATA_SEED).standard_normal((PATTERN_ROWS, job.length), np.float32)
    columns = rng(DATA_SEED + 1).standard_normal((job.columns, job.length), np.float32)
    weights, activations = quantize(name, values), quantize(activation, columns)
    reference = choose(name, "vec_dot", "scalar")
    expected = np.stack([run.vec_dot(reference, weights, row) for row in activations])
    terms = (
        np.abs(dequantize(activation, activations).astype(np.float64))
        @ np.abs(dequantize(name, weights).astype(np.float64)).T
    )
    found, tolerance = _compute(job, weights, activations, columns)
    if not np.isfinite(found).all():
        return Check(correct=False, error=1.0)
    error = float(np.max(np.abs(found.astype(np.float64) - expected) / terms))
    return Check(correct=error <= tolerance, error=error)


def _compute(job: Job, weights: Bytes, activations: Bytes, columns: Floats) -> tuple[Floats, float]:
    """Return float32 ``(columns, rows)``, and the error allowed in it."""
    kernel = job.kernel
    if isinstance(kernel, MatMul):
        return _matmul(kernel, job.length, weights, columns), OWN_ACTIVATIONS_TOLERANCE
    if kernel.shape == "vec_dot":
        return np.stack([run.vec_dot(kernel, weights, row) for row in activations]), TOLERANCE
    rows = len(weights)
    if isinstance(kernel, Implementation):
        packed = run.pack(kernel.format, kernel.panel_rows, weights)
        return run.gemm(kernel, packed, activations, rows), TOLERANCE
    packed = ggml.repack(kernel, weights)
    if kernel.shape == "gemv":
        return run.gemm(kernel, packed, activations, rows), TOLERANCE
    quads = ggml.quads(kernel, columns)
    return run.gemm(kernel, packed, quads, rows), OWN_ACTIVATIONS_TOLERANCE


def _matmul(kernel: MatMul, length: int, weights: Bytes, columns: Floats) -> Floats:
    with Graph(
        load(Path(kernel.library)),
        ggml.facts_of(kernel.format).type,
        length,
        len(weights),
        len(columns),
        repack=kernel.repack,
    ) as graph:
        graph.set_weights(weights)
        graph.set_activations(columns)
        graph.compute()
        return graph.result()
