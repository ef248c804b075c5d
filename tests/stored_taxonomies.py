"""Two versions of one taxonomy and one of another facet, for texts of customers."""

from dataclasses import replace

from pipeline.ids import text_hash
from pipeline.records import Category, Taxonomy

__all__ = [
    "BILLING",
    "FIRST",
    "LATE",
    "PARCELS",
    "REFUND",
    "REFUNDS",
    "SECOND",
    "TEXTS",
    "TWICE",
    "URGENCY",
    "WHERE",
]

TEXTS = ["My parcel is late", "Where is my  parcel?", "I was charged twice", "The refund never came", "When do you open?"]
LATE, WHERE, TWICE, REFUND, OPEN = map(text_hash, TEXTS)
BILLING, REFUNDS = Category("cat:b", "Billing", "About money."), Category("cat:r", "Refunds", "Money that comes back.", "cat:b", (REFUND,))
PARCELS = Category(
    "cat:p",
    "Parcels",
    "Things that were sent.",
    None,
    (LATE, WHERE),
    ("late", "where is"),
    ("Invoices belong to Billing.",),
    (WHERE,),
    (OPEN,),
    "locked",
)
HOURS = Category("cat:h", "Opening Hours", "When a shop is open.", None, (OPEN,))
FIRST = Taxonomy("tax:" + "a" * 32, "review", 1, None, "what do they want", "tnt", (PARCELS, BILLING, replace(REFUNDS, members=(TWICE,)), HOURS), 0.5)
SECOND = Taxonomy(
    "tax:" + "ab" * 16, "describe", 2, FIRST.taxonomy_id, "what do they want", "tnt", (PARCELS, BILLING, REFUNDS), guide="Label what they want first."
)
URGENCY = Taxonomy(
    "tax:" + "c" * 32, "review", 0, None, "how urgent", "tnt", (Category("u1", "At Once", ""), Category("u2", "Whenever", "")), facet="urgency"
)
