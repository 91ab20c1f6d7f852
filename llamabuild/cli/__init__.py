"""The command line. Each command is a module that is imported only when it is used."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import NoReturn

import click

from llamabuild.errors import LlamabuildError, did_you_mean
from llamabuild.interrupts import Terminated

COMMANDS = {
    "variants": ("variants:variants", "Build, inspect, check and benchmark variants side by side."),
    "kernels": ("kernels:command", "Time micro-kernels beside ggml's, and the machine's limits."),
    "inspect": ("inspect:command", "Show which SIMD machine code uses; a gate for CI."),
    "roofline": ("roofline:command", "How fast can this model be here, and what limits it?"),
    "baseline": ("baseline:command", "One build, trial by trial, and the machine it runs on."),
    "sweep": ("sweep:command", "Vary threads, KV cache, context and the like, side by side."),
    "profile": ("profile:command", "Counters, hot functions, cache misses, what limits a build."),
    "explain": ("explain:command", "Which part of a composed variant makes the difference?"),
    "optimize": (
        "optimize:command",
        "Search the fastest configuration, prove it, and hand it over.",
    ),
    "lab": ("lab:command", "All of the above in one budget, as one report with recommendations."),
    "recommend": ("lab:recommend", "What a lab recommends for production, and why."),
    "report": ("report:command", "Render a stored run as text, HTML, Markdown, CSV or JSON."),
    "doctor": ("doctor:command", "Is this machine fit to build and to measure?"),
    "list": ("catalogue:list_variants", "List all variants and whether they can run here."),
    "show": ("catalogue:show", "Show one variant, where its values come from, how to rebuild it."),
    "plan": ("build:plan", "Show what would be built, and how long it would take."),
    "build": ("build:build", "Build variants and stop there."),
    "bench": ("variants:bench", "Measure variants that are already built."),
    "cache": ("cache:cache", "List, verify or clean builds, sources, models and ccache."),
}


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports one at a time."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names in the order of use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(f"llamabuild.cli.{module}"), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggest the command that was probably meant."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            message = f"unknown command '{args[0]}'"
            msg = f"{message}: {did_you_mean(args[0], COMMANDS) or 'try --help'}"
            raise click.UsageError(msg)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="llamabuild")
def cli() -> None:
    """Build llama.cpp in many configurations and measure them side by side.

    Exit codes: 0 done; 1 an expectation failed; 2 bad input; 3 too noisy to say; 4 a build
    failed; 5 something is missing here; 75 another measurement is running; 130 interrupted.
    """


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    try:
        code = cli(standalone_mode=False, prog_name="llamabuild")
    except LlamabuildError as error:
        code = _complain(str(error), error.exit_code)
    except click.exceptions.Exit as error:
        code = error.exit_code
    except click.ClickException as error:
        code = _complain(error.format_message(), error.exit_code)
    except OSError as error:
        code = _refused(error)
    except (click.Abort, KeyboardInterrupt):
        code = _complain("interrupted", 130)
    except Terminated:
        code = _complain("terminated", 143)
    except SystemExit:
        # Only for a closed pipe, by click and rich: whoever read our output has seen enough.
        # A gate's failure goes before: see output.ending_with.
        code = 0
    sys.exit(code if isinstance(code, int) else 0)


def _refused(error: OSError) -> int:
    """What disks and permissions refuse is no failed gate: say what, where and the remedy."""
    from llamabuild.store.trouble import refused  # noqa: PLC0415

    from .output import drop_output  # noqa: PLC0415

    try:
        sys.stdout.flush()
    except OSError:
        drop_output()
    lack = refused(error)
    return _complain(str(lack), lack.exit_code)


def _complain(message: str, code: int) -> int:
    click.echo(f"llamabuild: {' '.join(message.split())}", err=True)
    return code
