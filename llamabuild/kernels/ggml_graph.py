"""One MUL_MAT of ggml, through its public backend interface.

It is the whole operation as llama.cpp runs it in prompt processing, with the conversion of the
activations and ggml's own threads.

With the weights in ggml's default buffer it takes the tiled matmul, tinyBLAS or vec_dot, whichever
that build prefers; with them in the repack buffer, its interleaved gemm.
"""

from __future__ import annotations

import ctypes
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from llamabuild.errors import EnvironmentLacks

from .ggml_library import InitParams

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .ggml_library import Library

TYPE_F32 = 0
REPACK_BUFFER = b"CPU_REPACK"
META_BYTES = 1 << 20
"""For the records of a few tensors and of one graph."""

_p, _i64, _int = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int


class Graph:
    """The product of a weight matrix with activations. A context manager.

    Args:
        library: The libggml-cpu.
        kind: Weight format, as in ``enum ggml_type``.
        length: Weights in a row.
        rows: Weight rows.
        columns: Activation rows.
        repack: Keep the weights in the repack buffer instead of the default one.
        threads: That ggml uses.

    Raises:
        EnvironmentLacks: The library doesn't interleave such weights, or memory is short.
    """

    def __init__(
        self,
        library: Library,
        kind: int,
        length: int,
        rows: int,
        columns: int,
        *,
        repack: bool,
        threads: int = 1,
    ) -> None:
        self._library = library
        with ExitStack() as stack:
            self._build(stack, kind, (length, rows, columns), repack=repack, threads=threads)
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Free everything."""
        self._stack.close()

    def set_weights(self, weights: NDArray[np.uint8]) -> None:
        """Give the weights, ``(rows, bytes of a row)`` in ggml's row layout; ggml packs them."""
        self._set(self._weights, np.ascontiguousarray(weights))

    def set_activations(self, values: NDArray[np.float32]) -> None:
        """Give the activations, float32 ``(columns, length)``."""
        self._set(self._activations, np.ascontiguousarray(values, np.float32))

    def weight_bytes(self, size: int) -> NDArray[np.uint8]:
        """Return a copy of the weights as they lie in the buffer."""
        data = self._call("ggml_get_data", _p, _p(self._weights))
        return np.frombuffer(ctypes.string_at(data, size), np.uint8)

    def compute(self) -> None:
        """Run the operation; other Python threads can run meanwhile.

        Raises:
            EnvironmentLacks: ggml reports a failure.
        """
        if self._compute(self._backend, self._graph) != 0:
            message = "ggml could not compute a MUL_MAT"
            raise EnvironmentLacks(message, "free some memory")

    def result(self) -> NDArray[np.float32]:
        """Return what the last run computed, float32 ``(columns, rows)``."""
        out = np.empty(self._shape, np.float32)
        get = self._library.function(
            "ggml_backend_tensor_get", None, _p, _p, *[ctypes.c_size_t] * 2
        )
        get(self._product, out.ctypes.data, 0, out.nbytes)
        return out

    def _build(
        self,
        stack: ExitStack,
        kind: int,
        shape: tuple[int, int, int],
        *,
        repack: bool,
        threads: int,
    ) -> None:
        length, rows, columns = shape
        self._shape = (columns, rows)
        self._backend = self._owned(stack, "ggml_backend_cpu_init", "ggml_backend_free")
        self._call("ggml_backend_cpu_set_n_threads", None, _p(self._backend), _int(threads))
        weights = self._context(stack)
        self._weights = self._tensor(weights, kind, length, rows)
        others = self._context(stack)
        self._activations = self._tensor(others, TYPE_F32, length, columns)
        self._product = self._call(
            "ggml_mul_mat", _p, _p(others), _p(self._weights), _p(self._activations)
        )
        default = self._call("ggml_backend_get_default_buffer_type", _p, _p(self._backend))
        self._allocate(stack, weights, self._repack_buffer() if repack else default)
        device = self._call("ggml_backend_get_device", _p, _p(self._backend))
        supported = self._call(
            "ggml_backend_dev_supports_op", ctypes.c_bool, _p(device), _p(self._product)
        )
        if not supported:
            message = f"{self._library.path.name} can't multiply with weights of this kind and size"
            raise EnvironmentLacks(message, "use weights that it interleaves" if repack else "")
        self._allocate(stack, others, default)
        self._graph = self._call("ggml_new_graph", _p, _p(others))
        self._call("ggml_build_forward_expand", None, _p(self._graph), _p(self._product))
        self._compute = self._library.function("ggml_backend_graph_compute", _int, _p, _p)

    def _repack_buffer(self) -> int:
        device = self._call("ggml_backend_get_device", _p, _p(self._backend))
        registry = self._call("ggml_backend_dev_backend_reg", _p, _p(device))
        name = ctypes.c_char_p(b"ggml_backend_dev_get_extra_bufts")
        getter = self._call("ggml_backend_reg_get_proc_address", _p, _p(registry), name)
        if getter:
            listed = ctypes.CFUNCTYPE(ctypes.POINTER(_p), _p)(getter)(device)
            for index in range(16):
                if not listed or not listed[index]:
                    break
                kind: int = listed[index]
                if self._call("ggml_backend_buft_name", ctypes.c_char_p, _p(kind)) == REPACK_BUFFER:
                    return kind
        message = f"{self._library.path.name} was built without the repack buffer"
        raise EnvironmentLacks(message, "build it with GGML_CPU_REPACK=ON")

    def _context(self, stack: ExitStack) -> int:
        room = InitParams(mem_size=META_BYTES, mem_buffer=None, no_alloc=True)
        return self._owned(stack, "ggml_init", "ggml_free", room)

    def _tensor(self, context: int, kind: int, width: int, height: int) -> int:
        tensor: int = self._call(
            "ggml_new_tensor_2d", _p, _p(context), _int(kind), _i64(width), _i64(height)
        )
        return tensor

    def _allocate(self, stack: ExitStack, context: int, buffer_type: int) -> None:
        self._owned(
            stack,
            "ggml_backend_alloc_ctx_tensors_from_buft",
            "ggml_backend_buffer_free",
            _p(context),
            _p(buffer_type),
        )

    def _owned(self, stack: ExitStack, make: str, free: str, *arguments: Any) -> int:  # noqa: ANN401
        made: int | None = self._call(make, _p, *arguments)
        if not made:
            message = f"{make} of ggml failed"
            raise EnvironmentLacks(message, "free some memory")
        stack.callback(self._call, free, None, _p(made))
        return made

    def _set(self, tensor: int, data: NDArray[Any]) -> None:
        expected = self._call("ggml_nbytes", ctypes.c_size_t, _p(tensor))
        if data.nbytes != expected:
            message = f"expected {expected} bytes, found {data.nbytes}"
            raise ValueError(message)
        put = self._library.function(
            "ggml_backend_tensor_set", None, _p, _p, *[ctypes.c_size_t] * 2
        )
        put(tensor, data.ctypes.data, 0, data.nbytes)

    def _call(self, symbol: str, result: Any, *arguments: Any) -> Any:  # noqa: ANN401
        return self._library.call(symbol, result, *arguments)
