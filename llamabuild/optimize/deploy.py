"""The result in a form that carries it: commands, a systemd unit, a Dockerfile.

Every word is quoted for the language that it stands in; nothing is put together as text.
"""

from __future__ import annotations

import functools
import json
import shlex
from typing import TYPE_CHECKING

import jinja2

from .translate import facts, locks_memory

if TYPE_CHECKING:
    from llamabuild.types.optimization import Deployment

MODEL = "MODEL.gguf"
INSTALLED = "/opt/llama.cpp"
MODELS = "/srv/models/model.gguf"
ABSOLUTE = "/usr/bin/"
"""Where systemd finds what starts the server."""
GCC_OPENMP, OPENMP = "libgomp1", ("libgomp", "libomp")
FILES = {
    "build.sh": "build.sh",
    "run.sh": "run.sh",
    "llama-server.service": "unit",
    "Dockerfile": "Dockerfile",
}
"""Files of a deployment, with their templates."""


def render(deployment: Deployment) -> dict[str, str]:
    """Return the files of a deployment by name."""
    environment = _environment()
    libraries = deployment.libraries
    if not any(name.startswith(OPENMP) for name in libraries):
        libraries = (GCC_OPENMP, *libraries)  # in records from before it was among them
    context = {
        "d": deployment,
        "model": MODEL,
        "models": MODELS,
        "installed": INSTALLED,
        "locked": locks_memory(deployment.arguments),
        "packages": sorted({*facts().build.packages, *deployment.packages, *libraries}),
        "libraries": libraries,
        "server": server_words(deployment, f"{deployment.folder}/bin/llama-server", MODEL),
        "cli": server_words(deployment, f"{deployment.folder}/bin/llama-cli", MODEL),
        "service": _service(deployment),
        "entry": server_words(deployment, f"{INSTALLED}/bin/llama-server", MODELS),
    }
    return {
        name: environment.get_template(template).render(context) for name, template in FILES.items()
    }


def server_words(deployment: Deployment, program: str, model: str) -> list[str]:
    """Return the words that start a program."""
    return [*deployment.launcher, program, "--model", model, *deployment.arguments]


def systemd_word(word: str) -> str:
    """Quote a word for ``ExecStart=`` and ``Environment=``: systemd.service(5), command lines."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return escaped if escaped and not set(escaped) & set(" \t\n;'\"\\") else f'"{escaped}"'


def systemd_assignment(name: str, value: str) -> str:
    """Quote ``NAME=value`` for ``Environment=``, where a dollar stands for itself."""
    escaped = f"{name}={value}".replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def docker_value(value: str) -> str:
    """Quote a value for ``ENV``, where a dollar would be a variable."""
    for character in ("\\", '"', "$"):
        value = value.replace(character, f"\\{character}")
    return f'"{value}"'


def _service(deployment: Deployment) -> list[str]:
    words = server_words(deployment, f"{INSTALLED}/bin/llama-server", MODELS)
    return [words[0] if words[0].startswith("/") else f"{ABSOLUTE}{words[0]}", *words[1:]]


@functools.cache  # and with it the compiled templates
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("llamabuild.optimize"),
        # Shell, systemd and Docker: each word goes through a filter of its language.
        autoescape=False,  # noqa: S701
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        joined=shlex.join,
        quoted=shlex.quote,
        systemd=systemd_word,
        json=lambda words: json.dumps(words, ensure_ascii=False),
        docker=docker_value,
    )
    environment.globals.update(assignment=systemd_assignment)
    return environment
