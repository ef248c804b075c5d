"""Prompts are files: front matter, then one Jinja template a turn.

A file in `prompts/` opens with YAML between two `---` lines (class `FrontMatter`; unknown keys are refused) and goes on
with turns, each headed by a line `@system`, `@user` or `@assistant`. Document text goes through the filter `data`, which
takes away its power to close the delimiter or to imitate a turn of the conversation. Turns between `@for NAME in INPUT` and
`@end` are rendered once for each item of a list.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import jinja2
import jinja2.meta
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.errors import PromptError
from pipeline.ids import content_id
from pipeline.serving.contract import Message

__all__ = ["PROMPT_FOLDER", "FrontMatter", "Prompt", "Turn", "as_data", "load_prompt", "prompt_names"]

PROMPT_FOLDER = Path(__file__).resolve().parent.parent / "prompts"
# What opens or closes a delimiter of ours, or a turn or instruction in the chat templates of known model families.
POWERFUL = re.compile(
    r"</|<\||\|>|<\uff5c|\uff5c>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>|<(?=/?s>)"
    r"|<(?=(?:eos|bos|pad|unk|sop|eop|mask|unused\d+|BOS_TOKEN|EOS_TOKEN|/?think|/?tool_call)>)|\[/?(?=(?:SYSTEM_PROMPT|TOOL_CALLS|AVAILABLE_TOOLS|TOOL_RESULTS|gMASK)\])",
    re.IGNORECASE,
)
TURN = re.compile(r"^@(system|user|assistant|end|for [a-z_]+ in [a-z_]+)[ \t]*$", re.MULTILINE)


class FrontMatter(BaseModel):
    """What a prompt file says of itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    purpose: str = Field(min_length=1)
    inputs: tuple[str, ...]
    answers: Literal["line", "choice", "structured"]
    max_tokens: int = Field(gt=0)
    temperature: float = Field(0.0, ge=0, le=2)


@dataclass(frozen=True)
class Turn:
    """One turn's template; one of a loop is rendered for each item of the input `each`, as `item`."""

    role: Literal["system", "user", "assistant"]
    body: str
    item: str = ""
    each: str = ""


@dataclass(frozen=True)
class Prompt:
    """One prompt file, checked and ready to render."""

    name: str
    about: FrontMatter
    turns: tuple[Turn, ...]

    @property
    def fingerprint(self) -> str:
        """Name the prompt and hash all that is in the file: part of the key of every row made with it."""
        turns = [[turn.role, turn.body, *filter(None, (turn.item, turn.each))] for turn in self.turns]
        return f"{self.name}@{content_id('prompt', [self.about.model_dump(), turns])}"

    def render(self, **inputs: Any) -> tuple[Message, ...]:
        """Fill in the inputs.

        :raises PromptError: naming every input that is missing or unknown.
        """
        missing, unknown = set(self.about.inputs) - set(inputs), set(inputs) - set(self.about.inputs)
        if missing or unknown:
            raise PromptError(
                f"Prompt {self.name} takes the inputs {', '.join(self.about.inputs)};"
                f" missing: {', '.join(sorted(missing)) or 'none'}; unknown: {', '.join(sorted(unknown)) or 'none'}."
            )
        messages: list[Message] = []
        for (item, each), turns in groupby(self.turns, key=lambda turn: (turn.item, turn.each)):
            templates = [(turn.role, _environment().from_string(turn.body)) for turn in turns]
            for more in [{item: value} for value in inputs[each]] if each else [{}]:
                messages += [Message(role, template.render(**inputs, **more).strip()) for role, template in templates]
        return tuple(messages)


def as_data(text: str) -> str:
    """Take the meaning from everything in a text that could end its delimiter or start a turn, and keep it readable."""
    while POWERFUL.search(text):  # two marks may share a character, as in "<|>"
        text = POWERFUL.sub(lambda found: f"{found[0][0]} {found[0][1:]}", text)
    return text


def load_prompt(name: str, folder: Path = PROMPT_FOLDER) -> Prompt:
    """Read a prompt file and check its front matter and variables.

    :raises PromptError: when the file is missing, or says other things than it holds.
    """
    return _load(name, folder)


def prompt_names(folder: Path = PROMPT_FOLDER) -> list[str]:
    """List the prompts there are."""
    return sorted(path.stem for path in folder.glob("*.md") if path.stem != "README")


@cache
def _load(name: str, folder: Path) -> Prompt:
    path = folder / f"{name}.md"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise PromptError(f"There is no prompt {name!r}; the prompts are {', '.join(prompt_names(folder))}.") from error
    head, separator, body = text.removeprefix("---\n").partition("\n---\n")
    if not text.startswith("---\n") or not separator:
        raise PromptError(f"{path.name} must open with front matter between two lines of '---'.")
    try:
        about = FrontMatter.model_validate(yaml.safe_load(head))
    except (ValidationError, yaml.YAMLError) as error:
        raise PromptError(f"The front matter of {path.name} is wrong: {error}") from error
    prompt = Prompt(name=name, about=about, turns=_turns(path.name, body))
    _check_variables(prompt)
    return prompt


def _turns(file: str, body: str) -> tuple[Turn, ...]:
    pieces = TURN.split(body)
    if len(pieces) < 3 or pieces[0].strip():
        raise PromptError(f"{file} must hold turns, each headed by a line @system, @user or @assistant.")
    turns: list[Turn] = []
    item = each = ""
    for head, text in zip(pieces[1::2], pieces[2::2], strict=True):
        if head.startswith("for ") or head == "end":
            if text.strip() or (head == "end") != bool(item):
                raise PromptError(f"{file}: @for NAME in INPUT and @end must come in pairs, with turns between them.")
            _, item, _, each = head.split() if head != "end" else ("", "", "", "")
        else:
            turns.append(Turn(head, text.strip("\n"), item, each))  # type: ignore[arg-type]
    if item:
        raise PromptError(f"{file}: @for {item} in {each} has no @end.")
    return tuple(turns)


def _check_variables(prompt: Prompt) -> None:
    used: set[str] = set()
    for turn in prompt.turns:
        try:
            found = jinja2.meta.find_undeclared_variables(_environment().parse(turn.body))
        except jinja2.TemplateSyntaxError as error:
            raise PromptError(f"Prompt {prompt.name} is not a valid template: {error}") from error
        used |= (found - {turn.item}) | ({turn.each} if turn.each else set())
    if used != set(prompt.about.inputs):
        raise PromptError(f"Prompt {prompt.name} declares the inputs {sorted(prompt.about.inputs)} and uses {sorted(used)}.")


@cache
def _environment() -> jinja2.Environment:
    # Not HTML: autoescape would turn quotes of a document into entities that the model then copies into its answer.
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)
    filters: Mapping[str, Any] = {"data": as_data}
    environment.filters.update(filters)
    return environment
