"""The JSON Schemas of the documents. ``python -m llamabuild.report.schema`` writes them anew."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from llamabuild.report import (
    document,
    kernels_document,
    optimize_document,
    profile_document,
    roofline_document,
)
from llamabuild.report.lab import document as lab_document

VARIANTS, KERNELS, ROOFLINE = "variants", "kernels", "roofline"
OPTIMIZE, PROFILE, LAB = "optimize", "profile", "lab"
DOCUMENTS = {
    VARIANTS: (document.Document, document.SCHEMA),
    KERNELS: (kernels_document.KernelsDocument, kernels_document.SCHEMA),
    PROFILE: (profile_document.ProfileDocument, profile_document.SCHEMA),
    ROOFLINE: (roofline_document.RooflineDocument, roofline_document.SCHEMA),
    OPTIMIZE: (optimize_document.OptimizeDocument, optimize_document.SCHEMA),
    LAB: (lab_document.LabDocument, lab_document.SCHEMA),
}
"""By the command whose ``--json`` they describe: type, and the value of ``schema``."""


def json_schema(command: str = VARIANTS) -> dict[str, Any]:
    """Return the schema (JSON Schema 2020-12) as the types have it."""
    kind, name = DOCUMENTS[command]
    schema = msgspec.json.schema(kind)
    schema["$defs"][kind.__name__]["properties"]["schema"] = {"const": name}
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"llamabuild {command} --json",
        **schema,
    }
    return dict(json.loads(json.dumps(whole)))  # tuples become lists, as in the file


def shipped(command: str = VARIANTS) -> dict[str, Any]:
    """Return the schema that ships with the package."""
    text = files("llamabuild.report").joinpath(_file(command)).read_text(encoding="utf-8")
    return dict(json.loads(text))


def main() -> None:
    """Write the files beside this one."""
    for command in DOCUMENTS:
        text = json.dumps(json_schema(command), indent=2, ensure_ascii=False)
        Path(__file__).with_name(_file(command)).write_text(text + "\n", encoding="utf-8")


def _file(command: str) -> str:
    return f"{command}.schema.json"


if __name__ == "__main__":
    main()
