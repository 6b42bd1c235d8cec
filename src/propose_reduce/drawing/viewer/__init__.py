"""Results as web pages: one for each video, and one that lists them."""

from propose_reduce.drawing.viewer.pages import IndexEntry, ViewerVideo, index_page, viewer_page
from propose_reduce.drawing.viewer.write import write_index, write_page

__all__ = ["IndexEntry", "ViewerVideo", "index_page", "viewer_page", "write_index", "write_page"]
