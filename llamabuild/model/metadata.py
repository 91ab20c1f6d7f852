"""What a GGUF file says about itself, read in a child process with bounded memory and time."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec

from llamabuild.errors import BadInput
from llamabuild.process import run
from llamabuild.types.base import Data
from llamabuild.types.inputs import Traffic

TIMEOUT_SECONDS = 60.0
OUTPUT_BYTES = 1 << 20
REMEDY = "fetch it again, or name another GGUF file"


class GgufMetadata(Data, frozen=True):
    """A GGUF file's header in short. Zero where the file does not say a number."""

    architecture: str
    name: str
    quantization: str
    parameters: int
    """Weights in all tensors."""
    layers: int
    embedding_length: int
    context_length: int
    """Tokens that the model was made for."""
    vocabulary: int
    """Tokens."""
    tensors: int
    tensor_bytes: dict[str, int]
    """Tensor type to the bytes that tensors of it take."""
    parts: int
    """Files that the model is split into."""
    synthetic: bool
    traffic: Traffic


class _Refused(Data, frozen=True):
    error: str


def read_metadata(path: Path) -> GgufMetadata:
    """Read the header of a file from anywhere and check that all its tensors are in the file.

    Raises:
        BadInput: It is no GGUF file, or a damaged, truncated or hostile one.
    """
    if not path.is_file():
        message = f"model '{path}' is not a file"
        raise BadInput(message, "name a GGUF file")
    # -P and a search path of our own: the working directory's modules are not ours to import.
    package = Path(__file__).resolve().parents[2]
    inherited = os.environ.get("PYTHONPATH")
    search = os.pathsep.join([str(package), *([inherited] if inherited else [])])
    finished = run(
        [sys.executable, "-P", "-m", "llamabuild.model.metadata_child", path.absolute()],
        environment={"PYTHONPATH": search, "PYTHONUTF8": "1"},
        timeout_seconds=TIMEOUT_SECONDS,
        output_limit=OUTPUT_BYTES,
    )
    try:
        answer = msgspec.json.decode(finished.stdout, type=dict[str, object])
        if "error" in answer:
            refused = msgspec.convert(answer, _Refused)
            message = f"'{path}' is no usable GGUF file: {refused.error}"
            raise BadInput(message, REMEDY)
        return msgspec.convert(answer, GgufMetadata)
    except msgspec.MsgspecError as error:
        message = f"'{path}' is no usable GGUF file: reading its header {finished.failure()}"
        raise BadInput(message, REMEDY) from error
