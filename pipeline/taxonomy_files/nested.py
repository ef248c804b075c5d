"""Taxonomies as YAML or JSON: a list of categories, each with those below it under `children`, or with the name of its `parent`.

All that is not a list or a mapping is text as it stands, so that categories may be called No, On or 2024.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from pipeline.errors import TaxonomyFileError
from pipeline.records import Category
from pipeline.taxonomy_files.contents import CARD_LISTS, KEYS, LISTS, RawCategory, RawFile, unknown_key
from pipeline.taxonomy_files.tidy import shown_example

__all__ = ["MOST_LEVELS", "read_json", "read_yaml", "write_json", "write_yaml"]

MOST_LEVELS = 20
MOST_NESTING = 4 * MOST_LEVELS  # brackets and indents within one another
CHILDREN, TOP = "children", "categories"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
GUIDE = """\
# One entry for each category; those below it are its children. Keep the id when you change a name.
# status: open, seed, locked (name, description and place stay) or frozen (its documents stay too).
# merged_into: NAME gives the documents of an entry to another one. split_from: NAME says where a new entry was taken out.
# linnaeus taxonomy apply PROJECT THIS_FILE shows what you changed, and makes it the current taxonomy.
"""


@dataclass(frozen=True)
class Pairs:
    """A mapping with its keys as they are written, twice there or not."""

    pairs: Sequence[tuple[str, Any]]
    place: str = ""


@dataclass
class Walk:
    """Collects categories from nested lists, and what is wrong with them."""

    rows: list[RawCategory] = field(default_factory=list)
    said: set[str] = field(default_factory=lambda: {"parent"})
    mistakes: list[str] = field(default_factory=list)

    def take(self, value: Any, *, above: int | None = None, level: int = 1) -> None:
        """Take a list of categories, and those below each."""
        where = f"{self.rows[above].place}, {CHILDREN}" if above is not None else TOP
        if level > MOST_LEVELS:
            self.mistakes.append(f"{where}: nested more than {MOST_LEVELS} levels deep; a taxonomy of that depth cannot be labelled")
        elif not isinstance(value, list):
            self.mistakes.append(f"{where}: a list of categories was expected, and this is {kind_of(value)}")
        else:
            for entry in value:
                self._take_one(entry, above, level, where)

    def _take_one(self, entry: Any, above: int | None, level: int, where: str) -> None:
        entry = Pairs([("name", entry)]) if isinstance(entry, str) else entry
        if not isinstance(entry, Pairs):
            self.mistakes.append(f"{where}: a category was expected, as a mapping with a name, and this is {kind_of(entry)}")
            return
        place = entry.place or f"entry {len(self.rows) + 1}"
        keys = [key for key, _ in entry.pairs]
        self.mistakes += [f"{place}: {unknown_key(key, (*KEYS, CHILDREN))}" for key in keys if key not in {*KEYS, CHILDREN}]
        self.mistakes += [f"{place}: the key {key!r} is there {keys.count(key)} times" for key in sorted({*keys}) if keys.count(key) > 1]
        given = {key: value for key, value in entry.pairs if value is not None}
        if above is not None and "parent" in given:
            self.mistakes.append(f"{place}: lies below another category and names a parent; leave one of the two out")
        words = {key: self._word(place, key, value) for key, value in given.items() if key in KEYS and key not in LISTS}
        lists = {key: self._list(place, key, value) for key, value in given.items() if key in LISTS}
        self.said |= {key for key in keys if key in KEYS}
        self.rows.append(RawCategory(place, words, lists, above))
        if CHILDREN in given:
            self.take(given[CHILDREN], above=len(self.rows) - 1, level=level + 1)

    def _word(self, place: str, key: str, value: Any) -> str:
        if not isinstance(value, str):
            self.mistakes.append(f"{place}: {key} must be text, and is {kind_of(value)}")
        return value if isinstance(value, str) else ""

    def _list(self, place: str, key: str, value: Any) -> list[str]:
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, list) or not all(isinstance(part, str) for part in values):
            self.mistakes.append(f"{place}: {key} must be a list of texts, and is {kind_of(value)}")
            return []
        return values


def kind_of(value: Any) -> str:
    """Name the kind of a value for a message."""
    if isinstance(value, list):
        return "a list" if all(isinstance(part, str) for part in value) else "a list with something else than text in it"
    return "a mapping" if isinstance(value, Pairs) else f"{json.dumps(value)[:80]}" if value is not None else "empty"


def collected(value: Any) -> RawFile:
    """Collect the categories of a whole file."""
    walk = Walk()
    if isinstance(value, Pairs):
        walk.mistakes += [unknown_key(key, [TOP]) for key, _ in value.pairs if key != TOP]
        value = dict(value.pairs).get(TOP)
    walk.take(value)
    return RawFile(walk.rows, frozenset(walk.said), walk.mistakes)


def read_json(text: str) -> RawFile:
    """Read categories from JSON.

    :raises TaxonomyFileError: where the text is no JSON, or JSON-LD.
    """
    try:
        value = json.loads(text, object_pairs_hook=Pairs)
    except (ValueError, RecursionError) as error:
        raise TaxonomyFileError(f"is not valid JSON: {error}") from error
    if isinstance(value, Pairs) and {"@context", "@graph"} & {key for key, _ in value.pairs}:
        raise TaxonomyFileError("is JSON-LD; give it the ending .jsonld")
    return collected(value)


def read_yaml(text: str) -> RawFile:
    """Read categories from YAML.

    :raises TaxonomyFileError: where the text is no YAML, or uses aliases, with which a small file can stand for a huge one.
    """
    try:
        refuse_bombs(text)
        node = yaml.compose(text, Loader=LOADER)
    except yaml.YAMLError as error:
        raise TaxonomyFileError(f"is not valid YAML: {error}") from error
    return collected(None if node is None else plain(node))


def refuse_bombs(text: str) -> None:
    """Look through the events of a YAML file, which costs no memory, for what must not be built."""
    depth = 0
    for event in yaml.parse(text, Loader=LOADER):
        if isinstance(event, yaml.AliasEvent):
            raise TaxonomyFileError(f"{place_of(event)}: uses the alias *{event.anchor}; write out what it stands for")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MOST_NESTING:
            raise TaxonomyFileError(f"{place_of(event)}: nested more than {MOST_LEVELS} levels deep")


def place_of(part: yaml.Event | yaml.Node) -> str:
    """Give the line of a part of a YAML file."""
    return f"line {part.start_mark.line + 1}" if part.start_mark else "somewhere"


def plain(node: yaml.Node) -> Any:
    """Make lists, pairs and texts of a YAML node; nothing written stands for None."""
    if isinstance(node, yaml.MappingNode):
        return Pairs([(str(plain(key)), plain(value)) for key, value in node.value], place_of(node))
    if isinstance(node, yaml.SequenceNode):
        return [plain(part) for part in node.value]
    return None if node.tag == "tag:yaml.org,2002:null" else node.value


def write_json(categories: Sequence[Category], references: Mapping[str, str], texts: Mapping[str, str]) -> str:
    """Write a flat list, every key of every category, each with the name of its parent."""
    rows = [
        {
            "id": category.category_id, "name": category.name, "description": category.description,
            "parent": references.get(category.parent_id or ""), "status": category.status, **card(category, texts),
        }
        for category in categories
    ]  # fmt: skip
    return json.dumps({TOP: rows}, ensure_ascii=False, indent=2) + "\n"


def write_yaml(categories: Sequence[Category], _: Mapping[str, str], texts: Mapping[str, str]) -> str:
    """Write a tree, leaving out lists that are empty."""
    tops: list[dict[str, Any]] = []
    entries: dict[str, dict[str, Any]] = {}
    for category in categories:
        entry: dict[str, Any] = {"name": category.name, "id": category.category_id, "description": category.description, "status": category.status}
        entries[category.category_id] = entry | {key: values for key, values in card(category, texts).items() if values}
        siblings = entries[category.parent_id].setdefault(CHILDREN, []) if category.parent_id in entries else tops
        siblings.append(entries[category.category_id])
    return GUIDE + yaml.dump({TOP: tops}, Dumper=Readable, sort_keys=False, allow_unicode=True, width=120)


def card(category: Category, texts: Mapping[str, str]) -> dict[str, list[str]]:
    """Spell the lists of a category's card."""
    return {key: list(spelled(key, getattr(category, key), texts)) for key in CARD_LISTS}


def spelled(key: str, values: Sequence[str], texts: Mapping[str, str]) -> Iterator[str]:
    """Spell examples by their texts."""
    return (shown_example(value, texts) if key in {"examples", "near_misses"} else value for value in values)


class Readable(yaml.SafeDumper):
    """Writes text of several lines as a block, and lists indented below their key."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Indent lists too."""
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        """Write out what is there twice: aliases are refused when the file is read."""
        return True


def _represent_text(dumper: Readable, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


Readable.add_representer(str, _represent_text)
