"""`pyglue completion`: the script with which a shell completes commands, options, services and files."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from pyglue.cli.options import App, common


@click.command()
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")), metavar="SHELL")
@common
@click.pass_context
def completion(context: click.Context, app: App, shell: str) -> None:
    """Print the script that lets SHELL complete commands, options, services and files.

    It holds for the command `pyglue`, wherever it lies, and needs to be read again by each shell.

    \b
    eval "$(pyglue completion bash)"                                         # in ~/.bashrc
    eval "$(pyglue completion zsh)"                                          # in ~/.zshrc
    pyglue completion fish > ~/.config/fish/completions/pyglue.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - click knows the three that can be chosen
    app.screen.data(kind(context.find_root().command, {}, "pyglue", "_PYGLUE_COMPLETE").source())
