"""The JSON Schema of the document. ``python -m llamabuild.report.schema`` writes the file anew."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from llamabuild.report.document import SCHEMA, Document

FILE = "variants.schema.json"


def json_schema() -> dict[str, Any]:
    """Return the schema (JSON Schema 2020-12) as the types have it."""
    schema = msgspec.json.schema(Document)
    schema["$defs"]["Document"]["properties"]["schema"] = {"const": SCHEMA}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "llamabuild variants --json",
        **schema,
    }


def shipped() -> dict[str, Any]:
    """Return the schema that ships with the package."""
    text = files("llamabuild.report").joinpath(FILE).read_text(encoding="utf-8")
    return dict(json.loads(text))


def main() -> None:
    """Write the file beside this one."""
    text = json.dumps(json_schema(), indent=2, ensure_ascii=False)
    Path(__file__).with_name(FILE).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
