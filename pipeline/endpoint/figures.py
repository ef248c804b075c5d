"""What the endpoint has done since it started, in the text format of Prometheus."""

from collections import Counter, defaultdict
from collections.abc import Mapping

__all__ = ["Figures"]


class Figures:
    """Counts requests, texts and seconds; nothing of what they hold."""

    def __init__(self) -> None:
        """Start at nothing."""
        self._requests: Counter[tuple[str, int]] = Counter()
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._texts = self._batches = 0
        self._scoring = 0.0

    def answered(self, path: str, status: int, seconds: float) -> None:
        """Count a request by where it went and how it was answered."""
        self._requests[path, status] += 1
        self._seconds[path] += seconds

    def scored(self, texts: int, seconds: float) -> None:
        """Count texts that were scored together."""
        self._batches += 1
        self._texts += texts
        self._scoring += seconds

    def as_text(self, *, open_requests: int) -> str:
        """Write all figures, one a line."""
        failed = sum(count for (_, status), count in self._requests.items() if status >= 400)
        return "\n".join(
            [
                *_figure("requests_total", "counter", "Requests answered.", {_labels(*key): count for key, count in self._requests.items()}),
                *_figure("errors_total", "counter", "Requests answered with a status from 400 on.", {"": failed}),
                *_figure("request_seconds_total", "counter", "Seconds to the answers.", {_labels(path): n for path, n in self._seconds.items()}),
                *_figure("open_requests", "gauge", "Requests taken and not answered yet.", {"": open_requests}),
                *_figure("texts_total", "counter", "Texts scored.", {"": self._texts}),
                *_figure("batches_total", "counter", "Batches that the texts were scored in.", {"": self._batches}),
                *_figure("scoring_seconds_total", "counter", "Seconds of scoring.", {"": self._scoring}),
                "",
            ]
        )


def _labels(path: str, status: int | None = None) -> str:
    return f'{{path="{path}"}}' if status is None else f'{{path="{path}",status="{status}"}}'


def _figure(name: str, kind: str, about: str, values: Mapping[str, float]) -> list[str]:
    rows = [f"linnaeus_{name}{labels} {round(value, 6)}" for labels, value in sorted(values.items())]
    return [f"# HELP linnaeus_{name} {about}", f"# TYPE linnaeus_{name} {kind}", *rows]
