"""Identity: what makes two things the same.

Every derived row is keyed by the hash of what made it, so that "what is missing" is one anti-join. A hash is the
BLAKE2b of a canonical JSON form, cut to 128 bits and tagged with what it names ("text:", "cat:"), so that hashes of
different kinds never meet. Changing `canonical_json` or `normalise_text` changes every id: do it in a new version only.
"""

import hashlib
import json
import unicodedata
from typing import Any

__all__ = ["canonical_json", "content_id", "hash_start", "normalise_text", "order_key", "text_hash"]

SIZE, PERSON = 16, b"linnaeus"


def canonical_json(value: Any) -> str:
    """Write a value as JSON with sorted keys, no spaces and non-ASCII characters kept."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def content_id(kind: str, value: Any) -> str:
    """Hash any JSON value to `kind:` and 32 hexadecimal digits."""
    # The kind is hashed as well: the order of samples and the split into train and held out must not be one number.
    digest = hashlib.blake2b(canonical_json([kind, value]).encode("utf-8", "surrogatepass"), digest_size=SIZE, person=PERSON)
    return f"{kind}:{digest.hexdigest()}"


def hash_start(kind: str) -> "hashlib.blake2b":
    """Start the hash of `content_id`, to be copied for many values: what it lacks is a value's canonical JSON and `]`."""
    return hashlib.blake2b(f"[{canonical_json(kind)},".encode(), digest_size=SIZE, person=PERSON)


def normalise_text(text: str) -> str:
    """Bring a text into the form in which two texts are compared: NFC, runs of white space as one space."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def text_hash(text: str) -> str:
    """Hash a text after `normalise_text`; documents with one hash are exact duplicates."""
    return content_id("text", normalise_text(text))


def order_key(text_id: str, seed: int) -> str:
    """Give the place of a text in the seeded random order that all samples and splits are cut from.

    The order depends on the text and the seed alone, so that a growing corpus keeps its samples.
    """
    return content_id("order", [seed, text_id])
