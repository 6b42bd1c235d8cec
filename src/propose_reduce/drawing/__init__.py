"""Pictures of results."""

from propose_reduce.drawing.contact_sheet import contact_sheet
from propose_reduce.drawing.overlay import overlay

__all__ = ["contact_sheet", "overlay"]
