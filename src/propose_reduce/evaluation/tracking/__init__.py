"""Tracking measures on masks: HOTA, CLEAR and identity, equal to TrackEval."""

from propose_reduce.evaluation.tracking.evaluate import evaluate_tracking
from propose_reduce.evaluation.tracking.files import load_tracked_videos, youtube_vis_videos

__all__ = ["evaluate_tracking", "load_tracked_videos", "youtube_vis_videos"]
