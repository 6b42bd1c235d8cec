"""Video files and folders of images, as lazy frames."""

from propose_reduce.video.arrays import ArrayFrames
from propose_reduce.video.video import (
    Video,
    find_videos,
    open_video,
    possible_sizes,
    select_frames,
    stored_digest,
    video_name,
    video_names,
)
from propose_reduce.video.write import plays_in_browser, write_video

__all__ = [
    "ArrayFrames",
    "Video",
    "find_videos",
    "open_video",
    "plays_in_browser",
    "possible_sizes",
    "select_frames",
    "stored_digest",
    "video_name",
    "video_names",
    "write_video",
]
