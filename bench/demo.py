"""Times the demo from an empty state and again with nothing changed, and samples the memory of all its processes.

Prints one table: wall seconds, model calls, peak resident memory (parent, model server and all), and the scores.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Run the demo twice in a state folder of its own."""
    with tempfile.TemporaryDirectory() as state:
        first, second = (_run(state) for _ in range(2))
    print(f"{'run':<8}{'seconds':>9}{'calls':>7}{'peak GB':>9}")
    for name, (seconds, peak, status) in (("first", first), ("second", second)):
        print(f"{name:<8}{seconds:>9.1f}{status['model_calls']:>7}{peak / 1e9:>9.2f}")
    figures = first[2]["evaluation"]
    print(f"\n{'metric':<18}{'value':>8}{'low':>8}{'high':>8}{'n':>7}{'baseline':>10}   judge: gold labels")
    for metric in ("ari", "nmi", "purity", "teacher_accuracy", "student_accuracy"):
        found, compared = figures[metric], figures["baseline"][metric]
        print(f"{metric:<18}{found['value']:>8.3f}{found['low']:>8.3f}{found['high']:>8.3f}{found['n']:>7}{compared['value']:>10.3f}")
    print(f"\ncoverage {first[2]['coverage']:.3f} of {first[2]['labelled']} labelled documents, {first[2]['categories']} categories")


def _run(state: str) -> tuple[float, int, dict]:  # type: ignore[type-arg]
    environment = {**os.environ, "LINNAEUS_STATE": state, "LINNAEUS_HOME": str(ROOT)}
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline.cli", "run", "demo", "--json"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    peak = [0]
    watcher = threading.Thread(target=_watch, args=(process.pid, peak), daemon=True)
    watcher.start()
    written, _ = process.communicate()
    if process.returncode:
        sys.exit(f"The demo failed with exit status {process.returncode}.")
    return time.monotonic() - began, peak[0], json.loads(written)


def _watch(pid: int, peak: list[int]) -> None:
    """Keep the largest sum of the resident memory of a process and its descendants, twice a second."""
    while psutil.pid_exists(pid):
        try:
            parent = psutil.Process(pid)
            peak[0] = max(peak[0], sum(process.memory_info().rss for process in [parent, *parent.children(recursive=True)]))
        except psutil.NoSuchProcess:
            continue
        time.sleep(0.5)


if __name__ == "__main__":
    main()
