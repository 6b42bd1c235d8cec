"""What comes out: the result of a video and the file formats of the field."""

from propose_reduce.results.formats import davis_palette, write_davis
from propose_reduce.results.result import VideoResult
from propose_reduce.results.sequences import GIVEN, SHOW_SCORE

__all__ = ["GIVEN", "SHOW_SCORE", "VideoResult", "davis_palette", "write_davis"]
