"""What every test starts from: folders of its own, plain output."""

import gc
import itertools
import os
from pathlib import Path

import pytest

UNIT = Path(__file__).parent / "unit"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    """One worker more than processors: half of their time they wait for programs they started."""
    return len(os.sched_getaffinity(0)) + 1


@pytest.fixture(scope="session", autouse=True)
def plain_and_stateless(tmp_path_factory):
    """Take colour from the output, and keep results of the tests out of the user's own.

    The cache stays the user's (or LLAMABUILD_CACHE), so that real tests reuse builds.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_COLOR", "1")
        if "LLAMABUILD_STATE" not in os.environ:
            patch.setenv("LLAMABUILD_STATE", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session", autouse=True)
def no_forced_garbage_collection():
    """Statsmodels collects garbage on every call: 50 ms and more beside all that tests load."""
    gc.freeze()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, "collect", lambda *_: 0)
        yield
    gc.unfreeze()


@pytest.fixture(scope="session")
def numbered(tmp_path_factory):
    """Folders that are not there yet: of thousands of tests, few need theirs."""
    base = tmp_path_factory.mktemp("llamabuild")
    return (base / str(number) for number in itertools.count())


@pytest.fixture(autouse=True)
def own_folders(request, monkeypatch, numbered):
    """Give each unit test a cache, a state and a measurement lock of its own."""
    if request.path.is_relative_to(UNIT):
        folder = next(numbered)
        monkeypatch.setenv("LLAMABUILD_CACHE", str(folder / "cache"))
        monkeypatch.setenv("LLAMABUILD_STATE", str(folder / "state"))
        # A measurement that runs on this machine is no concern of a unit test.
        monkeypatch.setattr("llamabuild.store.locks.MEASUREMENT_NAME", f"\0{folder}")
