"""The file formats of the field: YouTube-VIS predictions and DAVIS label maps."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from propose_reduce import rle
from propose_reduce.data.label_maps import VOID
from propose_reduce.data.youtube_vis_writer import prediction_entry
from propose_reduce.errors import InputError
from propose_reduce.files import replacing
from propose_reduce.results.sequences import VideoSequences

DAVIS_OBJECTS = 20
"""Most objects a DAVIS unsupervised submission may hold (docs/method.md, section 4)."""


def youtube_vis(
    result: VideoSequences, video_id: int, category_ids: Mapping[str, int]
) -> list[dict[str, Any]]:
    """Return one prediction per (sequence, class) pair; see ``VideoResult.to_youtube_vis``."""
    predictions = []
    for sequence in result.sequences:
        for name, score in sequence.class_scores.items():
            if name not in category_ids:
                raise InputError(
                    f"the annotations have no category '{name}', which video '{result.name}' has"
                )
            predictions.append(
                prediction_entry(video_id, category_ids[name], score, sequence.segmentations)
            )
    return predictions


def davis(result: VideoSequences) -> Iterator[np.ndarray]:
    """Yield one label map per frame; see ``VideoResult.to_davis``."""
    if result.objects_given:
        numbered = {sequence.id: sequence for sequence in result.sequences}
    else:
        ranked = sorted(result.sequences, key=lambda s: -s.score)[:DAVIS_OBJECTS]
        numbered = dict(enumerate(ranked, start=1))
    kind = np.uint8 if max(numbered, default=0) < VOID else np.uint16
    for frame in range(result.num_frames):
        labels = np.zeros(result.size, dtype=kind)
        scores = {label: s.frame_scores[frame] or 0.0 for label, s in numbered.items()}
        if not result.objects_given:
            scores = {label: s.score for label, s in numbered.items()}
        # the best is drawn last, so it is on top
        for label in sorted(numbered, key=lambda label: (scores[label], -label)):
            mask = numbered[label].segmentations[frame]
            if mask is not None:
                labels[rle.decode(mask)] = label
        yield labels


def davis_palette() -> list[int]:
    """Return 256 RGB triples, flat: the colours of PASCAL VOC and DAVIS label images.

    Colour ``i`` takes bits 0, 3, 6 of ``i`` for red, 1, 4, 7 for green, 2, 5 for blue, the
    lowest into the highest place.
    """
    bits = (np.arange(256)[:, None] >> np.arange(9)) & 1  # (256, 9); bit 8 is always 0
    places = 1 << np.arange(7, 4, -1)
    colours = (bits.reshape(256, 3, 3) * places[:, None]).sum(axis=1)  # (colour, channel)
    return [int(value) for value in colours.reshape(-1)]


def write_davis(result: VideoSequences, folder: Path, names: Sequence[str] | None = None) -> None:
    """Write one palette PNG per frame into ``folder``, all or none; an older folder goes.

    Args:
        result: the video's sequences.
        folder: where the PNGs go.
        names: one file stem per frame; the frame number in five digits without it.
    """
    stems = names or [f"{frame:05d}" for frame in range(result.num_frames)]
    palette = davis_palette()
    with replacing(folder) as temporary:
        temporary.mkdir()
        for stem, labels in zip(stems, davis(result), strict=True):
            image = Image.fromarray(labels)
            if labels.dtype == np.uint8:  # deeper images have no palette
                image = image.convert("P")
                image.putpalette(palette)
            image.save(temporary / f"{stem}.png")
