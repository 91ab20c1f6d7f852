"""What a format costs, as cells for people and as columns with units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llamabuild.report import numbers

if TYPE_CHECKING:
    from llamabuild.report.formats_document import FormatInfo, FormatsInfo

SIZE_HEADS = ("file", "bits a weight")
BANDWIDTH_HEAD, BOUND_HEAD = "of bandwidth", "of its bound"
QUALITY_HEADS = ("KL divergence", "perplexity")
FRONT = "★"
"""Beside the formats that no other beats."""


def size_cells(form: FormatInfo | None) -> list[str]:
    """Return the size of the file, and in bits for each weight."""
    if form is None:
        return [numbers.MISSING] * len(SIZE_HEADS)
    return [numbers.size(form.bytes), f"{form.bits_per_weight:.2f}"]


def quality_cells(form: FormatInfo | None) -> list[str]:
    """Return divergence and perplexity, each with its standard error."""
    if form is None:
        return [numbers.MISSING] * len(QUALITY_HEADS)
    return [
        with_error(form.mean_kl_divergence, form.kl_divergence_error, 4),
        with_error(form.perplexity, form.perplexity_error, 2),
    ]


def with_error(value: float | None, error: float | None, decimals: int) -> str:
    """Write a value with its standard error."""
    if value is None:
        return numbers.MISSING
    return f"{value:.{decimals}f}" + ("" if error is None else f" ± {error:.{decimals}f}")


def format_columns(form: FormatInfo | None, formats: FormatsInfo | None) -> dict[str, Any]:
    """Return the columns of a file; nothing where no format was varied."""
    if formats is None:
        return {}
    return {
        "model_bytes": form.bytes if form else None,
        "bits_per_weight": form.bits_per_weight if form else None,
        "stored_as": form.stored_as if form else None,
        "kl_divergence_nats": form.mean_kl_divergence if form else None,
        "kl_divergence_error_nats": form.kl_divergence_error if form else None,
        "perplexity": form.perplexity if form else None,
        "perplexity_error": form.perplexity_error if form else None,
        "top_token_agreement_fraction": form.top_token_agreement if form else None,
        "quality_unknown_because": form.unknown if form else "",
        f"bandwidth_share_of_{formats.workload}_fraction": form.bandwidth_share if form else None,
        "on_pareto_front": form.on_front if form else None,
        "bound_shares": form.bound_shares if form else None,
    }
