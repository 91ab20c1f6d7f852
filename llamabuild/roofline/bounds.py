"""The most tokens per second that memory and arithmetic allow.

The roofline model (Williams, Waterman, Patterson, CACM 52(4), 2009): time is at least bytes over
bandwidth and at least operations over peak, so speed is at most the smaller of the two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .facts import facts
from .records import BANDWIDTH, COMPUTE, Bound

if TYPE_CHECKING:
    from llamabuild.types.inputs import Traffic
    from llamabuild.types.run import Workload

    from .records import Limits

FLOAT, INTEGER = "f32", "int8"


def bound(workload: Workload, traffic: Traffic, limits: Limits) -> Bound:
    """Return the bound of a workload.

    ``tg``: each token reads all its weights and the KV cache up to the mean depth, half of the
    tokens that are generated. ``pp``: weights are read once a batch of 512 tokens, and the logits
    are made for the last token only. Both are true bounds: what llama.cpp reads and computes
    besides is left out, so that reaching 100 % means that nothing is left to gain.
    """
    tokens = max(1, workload.tokens)
    depth = tokens / 2
    bytes_read: float = sum(traffic.bytes_per_token.values())
    operations: dict[str, float] = dict(traffic.operations_per_token)
    if workload.kind == "pp":
        bytes_read /= min(tokens, facts().batch)
        for kind, number in traffic.last_token_operations.items():
            operations[kind] = operations.get(kind, 0) - number * (1 - 1 / tokens)
    else:
        bytes_read += depth * traffic.kv_bytes_per_position
    attention = depth * traffic.attention_operations_per_position
    by_bandwidth = limits.read.bytes_per_second / bytes_read if limits.read and bytes_read else None
    seconds = _seconds(operations, attention, limits)
    by_compute = 1 / seconds if seconds else None
    both = [
        (value, name)
        for value, name in ((by_bandwidth, BANDWIDTH), (by_compute, COMPUTE))
        if value is not None
    ]
    value, name = min(both, default=(None, ""))
    return Bound(
        workload=workload.name,
        kind=workload.kind,
        threads=limits.threads,
        bytes_per_token=bytes_read,
        operations_per_token=sum(operations.values()) + attention,
        bandwidth_tokens_per_second=by_bandwidth,
        compute_tokens_per_second=by_compute,
        tokens_per_second=value,
        limited_by=name,
    )


def _seconds(operations: dict[str, float], attention: float, limits: Limits) -> float | None:
    """Return the time of a token's arithmetic at its peak; None if a peak is not known."""
    peaks = {peak.name: peak.operations_per_second for peak in limits.peaks}
    parts = [(FLOAT, attention)]
    parts += [(FLOAT if k in facts().floats else INTEGER, n) for k, n in operations.items()]
    needed = [(kind, number) for kind, number in parts if number > 0]
    if any(peaks.get(kind, 0) <= 0 for kind, _ in needed):
        return None
    return sum(number / peaks[kind] for kind, number in needed)
