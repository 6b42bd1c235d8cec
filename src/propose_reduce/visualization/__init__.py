"""Pictures of results."""

from propose_reduce.visualization.contact_sheet import contact_sheet
from propose_reduce.visualization.overlay import overlay

__all__ = ["contact_sheet", "overlay"]
