"""Rules in Python: a function in a file of the project's folder, called with a text and its metadata.

The file is the user's own and is run when it is loaded, as any import is. It must lie in the project's folder or below:
the folder is what is reviewed, copied and kept under version control as one. It may import what is installed, not its
neighbours. The whole file is part of the fingerprint, since a function may use all of it.
"""

import copy
import inspect
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from pipeline.errors import ProjectError
from pipeline.ids import content_id
from pipeline.records import Document, Failure
from pipeline.rules.contract import RuleAnswer

__all__ = ["FunctionRule", "load_function"]

SHOWN = 200  # characters of what a rule answered or raised
EXPECTED = "expected def {name}(text, metadata), which returns a category's name or None"
# A rule is the user's code and may raise anything, sys.exit included; what it raises is told, not passed on.
ANYTHING = (Exception, SystemExit)


@dataclass(frozen=True)
class FunctionRule:
    """A function that names a document's category or gives None; implements `LoadedRule`."""

    name: str
    fingerprint: str
    function: Callable[[str, dict[str, Any]], object]

    def apply(self, documents: Sequence[Document]) -> list[RuleAnswer]:
        """Call the function for each document in order; where it raises, that document has a failure."""
        return [self._answer(document) for document in documents]

    def _answer(self, document: Document) -> RuleAnswer:
        try:
            answer = self.function(document.text, copy.deepcopy(dict(document.metadata)))
        except ANYTHING as error:
            return Failure(document.text_hash, "rule_error", f"rule {self.name}: {_told(error)}", 1)
        if answer is None or isinstance(answer, str):
            return answer
        shown = repr(answer)[:SHOWN]
        message = f"rule {self.name} answers {shown} ({type(answer).__name__}), and a category's name or None is expected"
        return Failure(document.text_hash, "not_an_option", message, 1)


def load_function(name: str, place: str, folder: Path) -> FunctionRule:
    """Load the function that `file.py:function` names, relative to a folder.

    :raises ProjectError: naming the file, the function and what was expected.
    """
    file, _, function_name = place.rpartition(":")
    if not file.endswith(".py") or not function_name.isidentifier():
        raise ProjectError(f"its python is {place!r}, and file.py:function is expected, as: rules.py:refunds")
    path = (folder / file).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ProjectError(f"its file {file} lies outside {folder}; a rule's file is expected in the folder of the project file or below it")
    source = _read(path, folder)
    module = _run(path, source)
    function = getattr(module, function_name, None)
    if function is None:
        there = sorted(key for key, value in vars(module).items() if isinstance(value, FunctionType) and value.__module__ == module.__name__)
        raise ProjectError(f"{path} has no function {function_name} (there: {', '.join(there) or 'none'}); {EXPECTED.format(name=function_name)}")
    _check_call(path, function_name, function)
    return FunctionRule(name, content_id("rule", ["python", source, function_name]), function)


def _read(path: Path, folder: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        there = ", ".join(sorted(file.name for file in folder.glob("*.py"))) or "none"
        raise ProjectError(f"there is no file {path} (Python files in {folder}: {there})") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ProjectError(f"{path} cannot be read: {error}") from error


def _run(path: Path, source: str) -> ModuleType:
    """Run a file as a module of its own, without leaving a __pycache__ in the user's folder."""
    module = ModuleType(content_id("rules", [str(path), source]).replace(":", "_"))
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # where dataclasses of the file look themselves up
    try:
        exec(compile(source, str(path), "exec"), module.__dict__)
    except ANYTHING as error:
        del sys.modules[module.__name__]
        raise ProjectError(f"{path} cannot be loaded: {_told(error)}") from error
    return module


def _check_call(path: Path, name: str, function: object) -> None:
    expected = EXPECTED.format(name=name)
    if not callable(function):
        raise ProjectError(f"{name} of {path} is of type {type(function).__name__}, and no function; {expected}")
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise ProjectError(f"{name} of {path} is async or a generator; {expected}")
    try:
        inspect.signature(function).bind("", {})
    except (TypeError, ValueError) as error:
        raise ProjectError(f"{name} of {path} cannot be called with a text and its metadata: {error}; {expected}") from error


def _told(error: BaseException) -> str:
    """Say what was raised, and where in the user's file."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
    line = error.lineno if isinstance(error, SyntaxError) else frames[-1].lineno if frames else None
    file = Path(frames[-1].filename).name if frames and not isinstance(error, SyntaxError) else ""
    where = f" ({f'{file}, ' if file else ''}line {line})" if line is not None else ""
    return f"{type(error).__name__}: {str(error)[:SHOWN]}{where}"
