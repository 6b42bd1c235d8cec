"""What comes out: the result of a video and the file formats of the field."""

from propose_reduce.results.formats import davis_palette, write_davis, write_youtube_vis
from propose_reduce.results.result import VideoResult

__all__ = ["VideoResult", "davis_palette", "write_davis", "write_youtube_vis"]
