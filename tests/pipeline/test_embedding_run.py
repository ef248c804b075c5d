"""A whole run whose vectors come from a server: asked once, and not again where the server has moved."""

import json
from pathlib import Path
from typing import Any

from pipeline.settings import load_project
from pipeline.stages import Session
from pipeline.store import Store, StoreLedger
from pipeline.testing import ScriptedChat
from pipeline.testing_server import WireReply, serve_script
from tests.tiny import RecordedChat, TinyEmbedder, knowing_reply, run_all, write_project


def test_a_run_embeds_by_a_server_and_asks_nothing_again_when_the_server_has_moved(tmp_path: Path) -> None:
    folder = tmp_path / ".linnaeus" / "projects" / "tiny"
    asked = []
    for run_id in ("first", "second"):
        with serve_script() as server:
            server.script = _embedded
            project = load_project(write_project(tmp_path, embedder={"model": "m", "base_url": server.address}))
            chat = RecordedChat(ScriptedChat(knowing_reply), StoreLedger(Store.open(folder)), run_id=run_id)
            with Session(project, folder=folder, run_id=run_id, chat=chat) as session:
                session.store.start_run(run_id, project.name)
                reports = run_all(session)
            asked.append(len(server.requests))
    assert asked[0] > 0
    assert asked[1] == 0
    assert {stage: report.made for stage, report in reports.items() if report.made} == {}


def _embedded(request: dict[str, Any], number: int) -> WireReply:
    rows = TinyEmbedder().embed(request["input"])
    return WireReply(200, json.dumps({"data": [{"index": place, "embedding": row.tolist()} for place, row in enumerate(rows)]}))
