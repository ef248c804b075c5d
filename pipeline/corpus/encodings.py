"""Whether a text file is in UTF-8 at all, and which encoding it looks like where it is not.

A few broken lines go to the rejects one by one. Where many are broken, the file is in another encoding: read as UTF-8 it would lose just
the texts with accents, so that it is refused with a guess, which a person confirms in the project file.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from pipeline.corpus.opening import encoding_of, open_lines
from pipeline.corpus_settings import COMPRESSED
from pipeline.errors import CorpusError

__all__ = ["FEW", "FEW_SHARE", "check_encoding", "check_encodings", "guess_encoding"]

LOOK_PIECES = 5000  # lines, or files where each is a document
LOOK_BYTES = 1_000_000
GUESS_BYTES = 50_000
FEW = 2  # broken ones among them that are rejects whatever their share is
FEW_SHARE = 0.05
ZERO_SHARE = 0.2  # of the bytes; English in UTF-16 has half
USUAL = (  # the more frequent first: it counts where several read the lines alike
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "koi8_r", "cp437", "cp850", "mac_roman",
    "shift_jis", "euc_jp", "gb18030", "big5", "euc_kr", "iso8859_2", "iso8859_5",
)  # fmt: skip


def check_encoding(path: Path) -> None:
    """Refuse a text file whose lines are not in UTF-8 as a whole.

    :raises CorpusError: with the encoding that it looks like, and a line of it read so.
    """
    with open_lines(path) as (handle, encoding):
        if encoding == "utf-8":
            check_pieces(list(first_pieces(islice(handle, LOOK_PIECES))), str(path), "lines")


def check_encodings(paths: Sequence[Path], folder: str) -> None:
    """Refuse a folder with a document a file where the files are not in UTF-8 as a whole.

    :raises CorpusError: with the encoding that they look like, and the beginning of one read so.
    """
    contents = (path.read_bytes() for path in paths if path.suffix.lower() not in COMPRESSED)
    unmarked = (content for content in contents if encoding_of(content[:4], None) == "utf-8")
    check_pieces(list(first_pieces(islice(unmarked, LOOK_PIECES))), folder, "files")


def first_pieces(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Take lines or files until they have `LOOK_BYTES`."""
    size = 0
    for piece in pieces:
        yield piece
        if (size := size + len(piece)) > LOOK_BYTES:
            return


def check_pieces(pieces: Sequence[bytes], name: str, what: str) -> None:
    """Refuse lines or files of which too many are in another encoding."""
    if sum(piece.count(0) for piece in pieces) > ZERO_SHARE * max(1, sum(map(len, pieces))):
        guess = "utf-16-le" if b"".join(pieces)[1:2] == b"\0" else "utf-16-be"
        raise CorpusError(f"{name} is not in UTF-8: many of its bytes are zero, as in UTF-16. Set corpus.encoding: {guess} in the project file.")
    broken = [piece for piece in pieces if not decodes(piece)]
    if len(broken) > max(FEW, FEW_SHARE * len(pieces)):
        raise CorpusError(refusal(name, what, broken, len(pieces)))


def decodes(piece: bytes) -> bool:
    """Tell whether bytes are UTF-8."""
    try:
        piece.decode()
    except UnicodeDecodeError:
        return False
    return True


def refusal(name: str, what: str, broken: Sequence[bytes], looked_at: int) -> str:
    """Say that a file is in another encoding, which one it looks like, and what to do."""
    said = f"{name} is not in UTF-8: {len(broken)} of the first {looked_at} {what} hold other bytes"
    anyway = f"with corpus.encoding: utf-8 these {what} go to the rejects and the others are read"
    guess = guess_encoding(broken)
    if guess is None:
        return (
            f"{said}, and they look like no encoding of text. Check corpus.path and corpus.format, or name the encoding as corpus.encoding; {anyway}."
        )
    shown = broken[0].decode(guess, "replace").strip()[:80]
    return f"{said}. It looks like {guess}, in which the first of them reads {shown!r}. Set corpus.encoding: {guess} in the project file; {anyway}."


def guess_encoding(lines: Sequence[bytes]) -> str | None:
    """Guess the encoding of lines that are not in UTF-8, among those in use; None where none makes text of them."""
    from charset_normalizer import from_bytes  # here, because only a file that is refused needs it

    found = list(from_bytes(b"".join(lines)[:GUESS_BYTES], cp_isolation=list(USUAL)))
    equal = [one for one in found if (one.chaos, -one.coherence) <= (found[0].chaos, -found[0].coherence)]
    names = {name for one in equal for name in (one.encoding, *one.could_be_from_charset)}
    return next((name for name in USUAL if name in names), None)
