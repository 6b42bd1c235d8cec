"""Video files and folders of images, as lazy frames."""

from propose_reduce.video.arrays import ArrayFrames
from propose_reduce.video.browser import plays_in_browser
from propose_reduce.video.find import find_videos, stored_digest, video_name, video_names
from propose_reduce.video.video import Video, open_video, possible_sizes, select_frames
from propose_reduce.video.write import write_video

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
