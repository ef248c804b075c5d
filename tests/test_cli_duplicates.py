"""`linnaeus duplicates`: thresholds on examples."""

import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from pipeline.cli import app
from tests.tiny import tiny_rows, write_project

TAIL = " Thank you for your help, and have a pleasant day wherever this message may find you, dear people of the service."


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200"})


@pytest.fixture
def workspace_with_copies(workspace: Path) -> Path:
    rows = [row | {"text": row["text"] + TAIL} for row in tiny_rows()[:60]]
    write_project(workspace, rows + [row | {"id": f"{row['id']}-copy", "text": f"{row['text']} [b]Bye[/b]."} for row in rows[:10]])
    return workspace


def test_thresholds_are_shown_with_the_pairs_around_them_and_the_largest_clusters(workspace_with_copies: Path) -> None:
    result = run("duplicates", "tiny", "--threshold", "0.9", "--threshold", "0.6", "--examples", "1")
    assert result.exit_code == 0, result.output
    said = result.stdout
    assert "Near copies among 70 distinct texts" in said
    assert "just above 0.9: alike by 0.9" in said
    assert "just below 0.9: alike by 0." in said
    assert "[b]Bye[/b]." in said
    assert "Cluster 1" in said
    assert "corpus.near_duplicates is not set; act is mark or share." in said


def test_json_has_the_same(workspace_with_copies: Path) -> None:
    found = json.loads(run("duplicates", "tiny", "--threshold", "0.9", "--json").stdout)
    (row,) = found["thresholds"]
    assert (found["distinct_texts"], row["threshold"], row["copies"]) == (70, 0.9, 10)
    assert all(pair["similarity"] >= 0.9 for pair in row["above"])


def test_a_threshold_that_no_pair_is_kept_for_is_refused(workspace_with_copies: Path) -> None:
    result = run("duplicates", "tiny", "--threshold", "0.3")
    assert result.exit_code == 1
    assert "a threshold is 0.5 to 1" in str(result.exception)
