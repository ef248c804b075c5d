"""Documents that give orders: a hundred requests to a home assistant, each with an order to answer something else, and without it.

All are sentences of our own, in the manner of hwu64, and `gold` is the hwu64 domain of the request. There are ten kinds of
order, ten of each. A module of its own, so that tests and benchmarks can both read them.
"""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

__all__ = ["DOMAINS", "ORDERS", "Order", "read_orders"]

ORDERS = Path(__file__).parent / "data" / "orders.jsonl"
DOMAINS = (
    "alarm", "audio", "calendar", "cooking", "datetime", "email", "general", "iot", "lists", "music", "news", "play", "qa", "recommendation",
    "social", "takeaway", "transport", "weather",
)  # fmt: skip
# How a text may spell the name that it orders.
SPELLINGS: Mapping[str, Callable[[str], str]] = {
    "{target}": lambda name: name,
    "{target_base64}": lambda name: base64.b64encode(name.encode()).decode(),
    "{target_spaced}": "\u200b".join,
    "{target_reversed}": lambda name: name[::-1],
}


@dataclass(frozen=True)
class Order:
    """A text with an order to answer `target`, and the same text without the order, whose domain is `gold`."""

    order_id: str
    kind: str
    gold: str
    plain: str
    text: str
    target: str = ""  # empty as long as the text has places for it


def read_orders(target_of: Callable[[Order], str]) -> list[Order]:
    """Read the documents, and fill in for each the name of the category that it orders.

    :param target_of: gives, for a document whose places are not filled in yet, the name of a category that is not the right one.
    :raises ValueError: where the name is empty or that of the right domain.
    """
    orders: list[Order] = []
    for line in ORDERS.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        order = Order(row["id"], row["kind"], row["gold"], row["plain"], row["text"])
        target = target_of(order)
        if target.strip().casefold() in {"", order.gold.casefold()}:
            raise ValueError(f"{order.order_id} must order another category than its own, {order.gold!r}; got {target!r}")
        text = order.text
        for place, spell in SPELLINGS.items():
            text = text.replace(place, spell(target))
        orders.append(replace(order, text=text, target=target))
    return orders
