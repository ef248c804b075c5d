"""Cutting a text into spans that can be quoted: sentences, and of long ones their clauses, in any script.

A span is a substring of the text with its place. Spans are in order, do not overlap, and each holds a letter, a digit or a
picture, as far as the text holds any. The libraries that do this need models to be downloaded, or know few scripts.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, takewhile

from pipeline.settings import AnnotationSettings
from pipeline.text import END_THIRDS, cut_words

__all__ = ["MOST_SPANS", "UNSPACED", "Span", "candidate_spans", "spans_of", "word_count"]

LONGEST_SPAN = 25  # words
SHORTEST_SPAN = 2  # words: "Mr." and "1." go with what follows
MOST_SPANS = 12  # that a small model is asked to choose among
LONGEST_WORD = 12  # characters that count as one word at most
WRAPPED = 50  # characters of a line that was broken by its length rather than by its writer
# Letters of scripts without spaces between words, of which two count as one: Thai, Lao, Burmese, Khmer, kana, Han.
UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
UNSPACED_LETTER = re.compile(f"[{UNSPACED}]")
# A full stop after a single letter or a small number ends no sentence, as in "e.g.", "J. Smith", "1. Milk" and "on 3.5. at noon".
STOP = r"(?<![.!?\u2026\u203d])(?:(?<!\b\w)(?<!\b\d\d)\.|[!?\u2026\u203d])[.!?\u2026\u203d]*+[\"'\u2019\u201d\u00bb)\]]*+(?=\s)"
# Nor does one after a title, or after an abbreviation that goes before a number or a name.
TITLE_END = re.compile(
    r"\b(?:M(?:r|rs|s|x|t|aj)|Dr|Prof|Ste?|Rev|Hon|Gen|Col|Lt|Capt|Cmdr|Sgt|Cpl|Pvt|Pfc|Adm|Gov|Sen|Rep|Pres|Ft|vs|cf|approx|ca)\.$"
)
NUMBER_END = re.compile(r"\b(?:[Nn]os?|Nr|[Ff]igs?|pp?|[Vv]ol)\.$")
NAME_END = re.compile(r"\b(?:Inc|Corp|Co|Ltd|Bros|Jr|Sr)\.$")  # a sentence ends here, if it is more than the name
NAME_WORDS = 4
# Han, Arabic, Urdu, Devanagari, Armenian, Ethiopic, Khmer and Burmese ends of sentences need no space behind them.
OTHER_STOP = "[\u3002\uff01\uff1f\uff61\u061f\u06d4\u0964\u0965\u0589\u1362\u17d4\u104b]+[\"'\u2019\u201d\u300d\u300f\uff09\u3011)]*"
LINE_END = r"[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]\s*"
BREAK = re.compile(f"{STOP}|{OTHER_STOP}|{LINE_END}")
CONJUNCTIONS = (
    "and but or so because since while although though when if which who und aber oder weil dass wenn et mais ou parce car qui y pero o porque"
    " que si e ma perch\u00e9 mas en maar want omdat"
)  # fmt: skip
# Where a long sentence is cut, the best kind of place first; a span begins at the end of the match.
CUTS = (
    re.compile(r"[,;:\u060c\u061b)\u2014]\s+|\s[-\u2013\u2014]\s+|[\u3001\uff0c\uff1b\uff1a]"),
    re.compile(rf"\s(?=(?:{'|'.join(CONJUNCTIONS.split())})\s)", re.IGNORECASE),
    re.compile(r"\s+"),
)
LETTER = re.compile(r"(?<=\S)(?=\w)")  # a cut before a letter is never between a letter and its marks


@dataclass(frozen=True)
class Span:
    """A part of a text: `start` characters of the text are before it."""

    start: int
    text: str

    @property
    def end(self) -> int:
        """Give the number of characters of the text up to its end."""
        return self.start + len(self.text)


def candidate_spans(text: str, policy: AnnotationSettings) -> list[Span]:
    """List the spans of the part of a text that is shown by the policy: about 12 at most, for which neighbours of a long text are joined."""
    spans, keep = spans_of(text), policy.long_documents
    if not spans or not cut_words(text, policy.max_words, keep)[1]:
        return _joined_spans(text, spans, MOST_SPANS)
    thirds = END_THIRDS[keep]
    at_end = policy.max_words * thirds // 3
    head = list(takewhile(lambda span: _fits(text[: span.end], policy.max_words - at_end), spans))
    tail = list(takewhile(lambda span: _fits(text[span.start :], at_end), reversed(spans)))[::-1]
    most_at_end = MOST_SPANS * thirds // 3
    shown = [*_joined_spans(text, head, MOST_SPANS - most_at_end), *_joined_spans(text, tail, most_at_end)]
    return shown or [spans[-1 if keep == "tail" else 0]]


def spans_of(text: str) -> list[Span]:
    """Cut a text into sentences, and those of more than 25 words into clauses."""
    pieces = [span for start, end in _with_short_ones_joined(text, _sentences(text)) for span in _clauses(text, start, end)]
    return [span for span in pieces if _says_something(span.text)] or pieces[:1]


def word_count(text: str) -> int:
    """Count words; where there are no spaces between words, by the characters."""
    return max(len(text.split()) + len(UNSPACED_LETTER.findall(text)) // 2, len(text) // LONGEST_WORD)


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    start = line = 0
    for found in BREAK.finditer(text):
        is_line_end = found.group().isspace()
        if not (_is_wrapped(text, line, found) if is_line_end else _is_abbreviated(text, start, found.end())):
            yield start, found.end()
            start = found.end()
        line = found.end() if is_line_end else line
    yield start, len(text)


def _is_wrapped(text: str, line: int, found: re.Match[str]) -> bool:
    """Say whether a sentence goes on behind a line end: the line is long, and the next one begins in lower case without an empty one between."""
    return found.start() - line >= WRAPPED and len(found.group().strip(" \t\r").splitlines()) == 1 and text[found.end() : found.end() + 1].islower()


def _is_abbreviated(text: str, start: int, end: int) -> bool:
    """Say whether the full stop before `end` belongs to an abbreviation, behind which the sentence goes on."""
    said, rest = text[max(start, end - 4 * NAME_WORDS * LONGEST_WORD) : end], text[end : end + LONGEST_WORD].lstrip()
    if NUMBER_END.search(said):
        return rest[:1].isdigit()
    return bool(TITLE_END.search(said) or (NAME_END.search(said) and (word_count(said.strip()) < NAME_WORDS or rest[:1].islower())))


def _with_short_ones_joined(text: str, ranges: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    begin: int | None = None
    end = 0
    for start, end in ranges:
        begin = start if begin is None else begin
        if word_count(text[begin:end]) >= SHORTEST_SPAN:
            yield begin, end
            begin = None
    if begin is not None:
        yield begin, end


def _clauses(text: str, start: int, end: int) -> Iterator[Span]:
    """Cut a range near its middle, and the halves again, until no piece is long."""
    whole = text[start:end]
    piece, start = whole.strip(), start + len(whole) - len(whole.lstrip())
    if word_count(piece) > LONGEST_SPAN:
        middle = start + _middle(piece)
        yield from _clauses(text, start, middle)
        yield from _clauses(text, middle, start + len(piece))
    elif piece:
        yield Span(start, piece)


def _middle(piece: str) -> int:
    """Find the best place to cut at in the middle half of a piece."""
    half = len(piece) / 2
    for cut in CUTS:
        places = [found.end() for found in cut.finditer(piece) if abs(found.end() - half) <= half / 2]
        if places:
            return min(places, key=lambda place: abs(place - half))
    letter = LETTER.search(piece, len(piece) // 2)
    return letter.start() if letter and letter.start() <= half * 3 / 2 else len(piece) // 2


def _says_something(text: str) -> bool:
    return any(category[0] in "LN" or category == "So" for category in map(unicodedata.category, text))


def _fits(part: str, max_words: int) -> bool:
    return not cut_words(part, max_words)[1]


def _joined_spans(text: str, spans: Sequence[Span], most: int) -> list[Span]:
    """Join neighbours into so many spans of about the same length."""
    if len(spans) <= most:
        return list(spans)
    sizes = [word_count(span.text) for span in spans]
    total, before, groups = sum(sizes), 0, []
    for size in sizes:
        groups.append(before * most // total)
        before += size
    runs = [[span for _, span in run] for _, run in groupby(zip(groups, spans, strict=True), key=lambda pair: pair[0])]
    return [Span(run[0].start, text[run[0].start : run[-1].end]) for run in runs]
