"""Video files and folders of images, as lazy frames."""

from propose_reduce.video.arrays import ArrayFrames
from propose_reduce.video.video import Video, open_video, select
from propose_reduce.video.write import write_video

__all__ = ["ArrayFrames", "Video", "open_video", "select", "write_video"]
