"""The house keeps its shape: imports go one way, files stay small, and what is public is listed and described."""

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.prompts import load_prompt, prompt_names
from pipeline.store import Store
from pipeline.store.reference import tables_reference
from tests.questions import asked_of

ROOT = Path(__file__).parent.parent
SOURCES = sorted(path for folder in ("pipeline", "assets") for path in (ROOT / folder).rglob("*.py"))
STEPS = {"corpus", "duplicates", "taxonomy", "annotation", "students", "evaluation", "exam", "report"}
LAYERS = {
    "records": {
        "records",
        "call_records",
        "trust_records",
        "check_records",
        "history_records",
        "mistake_records",
        "student_records",
        "gold",
        "ids",
        "errors",
        "settings",
        "corpus_settings",
        "engine_settings",
        "evaluation_settings",
        "taxonomy_settings",
        "annotation_settings",
        "embedder_settings",
        "export_settings",
        "student_settings",
        "text",
        "languages",
        "markdown",
        "batches",
        "intervals",
        "judgement_records",
        "schedule_settings",
        "arrival_records",
        "document_records",
        "document_settings",
        "quoting",
        "review_records",
        "state_records",
        "workspace",
    },
    "services": {
        "prompts",
        "answers",
        "taxonomy_answers",
        "weights",
        "weights_list",
        "serving",
        "supervision",
        "embedding",
        "store",
        "taxonomy_files",
        "exports",
        "rules",
        "alerts",
        "language_detection",
    },
    "steps": STEPS | {"choosing", "dictation", "duels", "fitting", "set_thresholds", "spreading"},
    "stages": {"stages"},
    "shells": {"cli", "endpoint"},
}
RANK = {part: rank for rank, parts in enumerate(LAYERS.values()) for part in parts}
STAND_INS = {"testing", "testing_server"}  # for tests and dry runs; nothing imports them
LONGEST_FILE, LONGEST_ASSET = 300, 15


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imports(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, node.lineno


def part_of(path: Path) -> str | None:
    """Give the part of `pipeline` that a file belongs to: a package or a module; None for pipeline/__init__.py and assets."""
    inside = path.relative_to(ROOT).parts
    return None if inside[0] != "pipeline" or inside[1] == "__init__.py" else inside[1].removesuffix(".py")


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_imports_go_one_way(path: Path) -> None:
    own = part_of(path)
    for module, line in imports(path):
        packages = module.split(".")
        if own is None or own in STAND_INS or packages[0] != "pipeline" or len(packages) < 2:
            continue
        other = packages[1]
        assert other not in STAND_INS, f"{named(path)}:{line} imports {module}, which is for tests"
        assert other == own or RANK[other] <= RANK[own], f"{named(path)}:{line} imports {module}, which is above it"
        if own in STEPS:
            assert other == own or other not in STEPS, f"{named(path)}:{line}: the step {own} imports the step {other}"
            assert other not in {"store"}, f"{named(path)}:{line}: the step {own} imports the store"


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_a_library_is_imported_where_it_belongs_and_nowhere_else(path: Path) -> None:
    homes = {
        "torch": {"embedding"},
        "sentence_transformers": {"embedding"},
        "duckdb": {"store", "rules", "corpus"},  # a corpus may be a table of a database
        "datasets": {"corpus", "exports"},
        "aiohttp": {"serving", "endpoint"},  # one asks model servers, the other answers
        "tenacity": {"serving", "embedding"},
        "model2vec": {"embedding"},
        "rdflib": {"taxonomy_files"},
    }
    own = part_of(path)
    for module, line in imports(path):
        library = module.split(".")[0]
        assert library not in homes or own in homes[library], f"{named(path)}:{line} imports {library}"
        if own is not None:
            assert library != "dagster", f"{named(path)}:{line}: pipeline/ never imports dagster"
            assert library != "assets" or named(path) == "pipeline/cli/main.py", f"{named(path)}:{line}: pipeline/ never imports assets"


def test_the_command_line_imports_assets_only_when_it_runs() -> None:
    tree = ast.parse((ROOT / "pipeline/cli/main.py").read_text(encoding="utf-8"))
    at_import = [node.module or "" for node in tree.body if isinstance(node, ast.ImportFrom)]
    assert not [module for module in at_import if module.startswith("assets")]


def public_names(tree: ast.Module) -> set[str]:
    """Collect the names that a module defines without a leading underscore; constants and type variables need not be listed."""
    return {
        node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_")
    }


def listed(tree: ast.Module) -> list[str] | None:
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "__all__":
            return list(ast.literal_eval(node.value))
    return None


@pytest.mark.parametrize("path", [path for path in SOURCES if "__main__" not in path.name], ids=named)
def test_every_module_lists_what_others_use_in_order(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = listed(tree)
    if names is None:
        assert not public_names(tree), f"{named(path)} has no __all__"
        return
    assert names == sorted(names, key=lambda name: (not name.isupper(), not name[0].isupper(), name)), f"__all__ of {named(path)} is not in order"
    bound = {alias.asname or alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    statements = [node for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign)]
    assigned = {name.id for node in statements for name in ast.walk(node) if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)}
    assert set(names) <= public_names(tree) | bound | assigned, f"__all__ of {named(path)} lists what is not there"


def test_what_is_imported_from_another_module_is_in_its_list() -> None:
    lists = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): listed(ast.parse(path.read_text("utf-8")))
        for path in SOURCES
    }
    missing = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module in lists:
                known = set(lists[node.module] or ())
                submodules = {name.removeprefix(f"{node.module}.") for name in lists if name.startswith(f"{node.module}.")}
                missing += [f"{named(path)}: {node.module}.{alias.name}" for alias in node.names if alias.name not in known | submodules]
    assert missing == []


@pytest.mark.parametrize("path", [*SOURCES, *sorted((ROOT / "prompts").glob("*.md"))], ids=named)
def test_no_file_is_long(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE


def test_the_bodies_of_assets_and_checks_are_short() -> None:
    found = 0
    for path in (ROOT / "assets").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and any(
                re.search(r"dg\.(multi_)?asset", ast.unparse(decorator)) for decorator in node.decorator_list
            ):
                found += 1
                assert (node.end_lineno or 0) - node.body[0].lineno < LONGEST_ASSET, f"{named(path)}: {node.name}"
    assert found >= 2


def test_every_prompt_is_listed_with_its_inputs_and_answer() -> None:
    table = {cells[0]: cells for cells in rows_of(ROOT / "prompts" / "README.md")}
    assert sorted(table) == prompt_names()
    for name, cells in table.items():
        about = load_prompt(name).about
        assert cells[1] == ", ".join(about.inputs)
        assert cells[2].split()[0].strip(",") == about.answers
        used = re.findall(r"pipeline/\S+?\.py", cells[3])
        assert used
        assert all(f'"{name}"' in (ROOT / place).read_text(encoding="utf-8") for place in used)


def rows_of(path: Path) -> Iterator[list[str]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip().strip("`") for cell in line.strip("|").split("|")]
        if line.startswith("| `"):
            yield cells


@pytest.mark.parametrize("path", [path for path in SOURCES if part_of(path) not in STAND_INS], ids=named)
def test_no_prompt_is_written_in_python(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "Message":
            constants = [
                ast.unparse(part) for part in ast.walk(node) if isinstance(part, ast.Constant) and part.value not in {"system", "user", "assistant"}
            ]
            assert constants == [], f"{named(path)}:{node.lineno} writes a message in Python: {constants}"


def test_the_reference_of_the_tables_is_what_the_database_says_of_itself(tmp_path: Path) -> None:
    page, text = ROOT / "docs" / "reference" / "tables.md", tables_reference(Store.open(tmp_path), asked_of())
    assert not re.search(r"(?:^None$)|(?:\|  \|$)", text, re.MULTILINE), "a table or a column has no comment"
    if os.environ.get("LINNAEUS_GOLDEN") == "1":
        page.write_text(text, encoding="utf-8")
    assert text == page.read_text(encoding="utf-8"), "a table or a comment has changed; run `make golden` and review the diff"
