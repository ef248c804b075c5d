"""Copy what one slot of the embedded server has computed to the others, so that a common prefix is computed once.

Ask one question with `id_slot` 0 in the request's body, share, and send the others with or without `id_slot`: llama.cpp
picks a slot whose prompt begins alike. The copy goes through a file in the server's own folder and takes milliseconds.
"""

import secrets
from pathlib import Path

import httpx

from pipeline.serving.remote import root_of
from pipeline.serving.server_folder import server_folders

__all__ = ["share_prompt_cache"]

SECONDS = 60.0  # a busy slot is waited for


def share_prompt_cache(address: str, from_slot: int, slots: int) -> bool:
    """Copy the prompt cache of a slot to all others, 0 to `slots` - 1; False where the server cannot or has nothing to copy."""
    root = root_of(address)
    folder = _slots_folder(root)
    if folder is None or from_slot not in range(slots):  # llama.cpp takes a slot beyond the last for another
        return False
    name = f"{secrets.token_hex(8)}.bin"
    try:
        with httpx.Client(base_url=root, trust_env=False, timeout=SECONDS) as client:
            if _count(client, from_slot, "save", name, "n_saved") == 0:
                return False
            others = [slot for slot in range(slots) if slot != from_slot]
            return all(_count(client, slot, "restore", name, "n_restored") > 0 for slot in others)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError):
        return False
    finally:
        (folder / name).unlink(missing_ok=True)


def _count(client: httpx.Client, slot: int, action: str, name: str, key: str) -> int:
    reply = client.post(f"/slots/{slot}", params={"action": action}, json={"filename": name})
    return int(reply.raise_for_status().json()[key])


def _slots_folder(root: str) -> Path | None:
    for folder in server_folders():
        record = folder.read()
        if record is not None and record.address == root:
            return folder.slots
    return None
