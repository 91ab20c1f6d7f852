"""A lab loaded from the store, with every run that it made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from llamabuild.lab.parts import KERNELS, OPTIMIZE, PROBES, PROFILE, parts
from llamabuild.report.kernel_material import load_kernels
from llamabuild.report.material import load
from llamabuild.report.optimize_material import load_optimization
from llamabuild.report.profile_document import load_profile
from llamabuild.store.results import Results
from llamabuild.types.lab import DONE

if TYPE_CHECKING:
    from llamabuild.report.kernel_material import KernelMaterial
    from llamabuild.report.material import Material
    from llamabuild.report.optimize_document import OptimizeDocument
    from llamabuild.report.optimize_material import OptimizeMaterial
    from llamabuild.report.profile_document import ProfileDocument
    from llamabuild.types.lab import Lab


@dataclass(frozen=True, slots=True)
class LabMaterial:
    """All that a report of a lab may use; by part, those that are done."""

    record: Lab
    runs: dict[str, Material]
    profiles: dict[str, ProfileDocument]
    kernels: dict[str, KernelMaterial]
    optimizations: dict[str, OptimizeMaterial]

    @property
    def challenge(self) -> OptimizeDocument | None:
        """The optimization, if it was done."""
        return next((each.document for each in self.optimizations.values()), None)


def load_lab(lab_id: str) -> LabMaterial:
    """Read a lab from the store, an id, a unique start of one, or ``latest``.

    Raises:
        BadInput: There is no such lab, or a run of it is gone.
    """
    with Results.open() as results:
        record = results.lab(lab_id)
    done = {part.name: part.run for part in record.parts if part.status == DONE}
    kinds = {name: part.kind for name, part in parts().items()}
    kernels = {n: load_kernels(run) for n, run in done.items() if kinds[n] in {PROBES, KERNELS}}
    profiles = {n: load_profile(run) for n, run in done.items() if kinds[n] == PROFILE}
    # All shares of bounds are of the lab's own probes, whenever the report is made.
    probes = next((run for n, run in done.items() if kinds[n] == PROBES), "")
    found = {n: load_optimization(run, probes) for n, run in done.items() if kinds[n] == OPTIMIZE}
    rest = {n: run for n, run in done.items() if n not in {*kernels, *profiles, *found}}
    runs = {n: load(run, probes) for n, run in rest.items()}
    return LabMaterial(record, runs, profiles, kernels, found)
