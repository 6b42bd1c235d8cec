"""What comes out: the result of a video and the file formats of the field."""

from propose_reduce.results.formats import davis_palette, write_davis
from propose_reduce.results.result import VideoResult

__all__ = ["VideoResult", "davis_palette", "write_davis"]
