"""How fast the shapes benchmark renders: whole videos, and two frames of ever new videos.

Run: OMP_NUM_THREADS=1 python benchmarks/shapes.py
"""

from __future__ import annotations

import time

import cv2
from rich.console import Console
from rich.table import Table

from propose_reduce.data.shapes import SPLITS, shapes_video


def frames_per_second(split: str, videos: int, step: int) -> float:
    """Return frames with masks per second of processor time, every ``step``-th of each video."""
    frames = 0
    start = time.process_time()
    for index in range(videos):
        video = shapes_video(split, index)
        for t in range(0, len(video), step):
            video.frame(t)
            video.instances(t)
            frames += 1
    return frames / (time.process_time() - start)


def main() -> None:
    """Print the table."""
    cv2.setNumThreads(1)
    table = Table("split", "frames of a video", "frames/s on one core", title="192 x 320 pixels")
    shapes_video("val", 0).frame(0)  # draws the noise that all videos share
    for split in SPLITS:
        length = SPLITS[split].length
        for step, text in ((1, "all"), (length // 2, "two")):
            speed = frames_per_second(split, 30, step)
            table.add_row(split, text, f"{speed:.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
