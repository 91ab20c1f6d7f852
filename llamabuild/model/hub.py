"""Model files of the Hugging Face hub, through the optional huggingface_hub package."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llamabuild.errors import BadInput, EnvironmentLacks
from llamabuild.store.paths import cache_dir

if TYPE_CHECKING:
    from llamabuild.errors import LlamabuildError
    from llamabuild.source.progress import Progress

    from .spec import HubModel

NOT_THERE = {
    "RepositoryNotFoundError": "there is no such repository, or it is not open to you",
    "RevisionNotFoundError": "the repository has no such revision",
    "RemoteEntryNotFoundError": "the repository has no such file",
    "EntryNotFoundError": "the repository has no such file",
    "HFValidationError": "that is not a repository's name",
}
"""The hub's errors for a wrong name, by class."""


def hub_model(model: HubModel, on_progress: Progress) -> Path:
    """Return a hub's file, downloaded if the cache does not have it.

    The revision that a branch means is asked anew each time; without a network the cached one
    is taken.

    Raises:
        BadInput: There is no such repository, revision or file.
        EnvironmentLacks: huggingface_hub is not installed, or the hub does not answer.
    """
    hub = _package()
    on_progress(f"looking up {model}")
    try:
        path: str = hub.hf_hub_download(
            repo_id=model.repo,
            filename=model.file,
            revision=model.revision or None,
            cache_dir=cache_dir("huggingface"),
        )
    # The package's errors come from its HTTP client as well as from itself.
    except Exception as error:
        raise _explained(model, error) from error
    return Path(path)


def _package() -> Any:  # noqa: ANN401 (an optional package without types here)
    try:
        return import_module("huggingface_hub")
    except ImportError as error:
        message = "models of the form hf: need the package huggingface_hub"
        raise EnvironmentLacks(message, "run: pip install 'llamabuild[hf]'") from error


def _explained(model: HubModel, error: Exception) -> LlamabuildError:
    name = type(error).__name__
    if name == "GatedRepoError":
        message = f"{model} is gated"
        return EnvironmentLacks(
            message, "accept its licence on the hub and log in ('hf auth login')"
        )
    if name in NOT_THERE:
        return BadInput(f"{model}: {NOT_THERE[name]}", "check the name")
    text = str(error).strip().splitlines()
    message = f"{model} cannot be fetched ({name}: {text[0] if text else 'no reason given'})"
    return EnvironmentLacks(message, "check the network, or name a file that is here already")
