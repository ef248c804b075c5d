"""The reference of the command line names every command and every option, and no other."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import typer

from pipeline.cli import app

PAGE = (Path(__file__).parent.parent / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", PAGE, flags=re.MULTILINE | re.DOTALL))
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def options(command: click.Command) -> Iterator[str]:
    """Give the long names of a command's options, of those below it too; of an option that can be denied, the name that changes something."""
    if isinstance(command, click.Group):
        for below in command.commands.values():
            yield from options(below)
        return
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            names = parameter.secondary_opts if parameter.secondary_opts and parameter.default is True else parameter.opts
            yield from (name for name in names if name.startswith("--"))


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_has_a_section_with_its_options(name: str) -> None:
    assert name in SECTIONS, f"docs/reference/cli.md has no section {name}"
    assert set(options(COMMANDS[name])) == set(OPTION.findall(SECTIONS[name]))


def test_the_list_of_commands_is_whole() -> None:
    listed = re.search(r"^linnaeus (init \| .*)$", PAGE, flags=re.MULTILINE)
    assert listed is not None
    assert sorted(listed[1].split(" | ")) == sorted(COMMANDS)
