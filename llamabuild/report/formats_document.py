"""What the document of a sweep says about formats of the weights."""

from __future__ import annotations

from llamabuild.types.base import Data

BY_DIVERGENCE, BY_SIZE = "divergence", "size"


class FormatInfo(Data, frozen=True, kw_only=True):
    """The model of one point."""

    name: str
    """Such as ``Q4_K_M``."""
    bytes: int
    bits_per_weight: float
    """Of the file, with its metadata."""
    stored_as: dict[str, float]
    """Share of the weights' bytes by tensor type, the largest first; the header says so."""
    mean_kl_divergence: float | None
    """Nats per token, from the model that it was made from."""
    kl_divergence_error: float | None
    """Standard error."""
    perplexity: float | None
    perplexity_error: float | None
    top_token_agreement: float | None
    unknown: str
    """Why its quality is not known; empty if it is."""
    bandwidth_share: float | None
    """Of what the machine's bandwidth allows for this very model, on the workload of the front."""
    bound_shares: dict[str, float] = {}
    """Of the tighter bound of this very model, by the workloads besides."""
    on_front: bool
    """No other point is better in speed and cost, by their medians."""


class FormatsInfo(Data, frozen=True, kw_only=True):
    """What all points of a sweep over formats share."""

    reference: str
    """Format of the model that the others are made from."""
    workload: str
    """The one whose speed is weighed against the cost."""
    cost: str
    """``divergence`` where quality is known, else ``size``."""
    kl_limit: float
    """Nats per token."""
    tokens: int
    """Compared; 0 where quality is not known."""
    text_sha256: str
    reference_perplexity: float | None = None
    """On the same text."""
    best: str
    """Label of the fastest within the limit; empty where none is, or quality is not known."""
    front: tuple[str, ...]
    """Labels of the points that are on it, from the least cost on."""
