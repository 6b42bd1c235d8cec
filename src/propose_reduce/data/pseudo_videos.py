"""Single images as videos: two random views of one image are its reference and its query frame."""

import numpy as np

from propose_reduce.data.clips import Pair, PairSettings, make_pair, serves
from propose_reduce.data.videos import AnnotatedVideo, LabelledFrame, VideoSet
from propose_reduce.data.views import ViewRange, random_view, view_of
from propose_reduce.errors import InputError

ATTEMPTS = 4  # views tried as a reference before the query stands for itself
SMALLEST = 16  # pixels; of less than 4 x 4 nobody could tell what it is: the object has left


class PseudoVideoPairs:
    """Pairs of views of the images that show an object (supplementary, section 4).

    Args:
        images: a set of videos; the first frame of each is used.
        settings: size, flip and number of objects.
        view: how far each of the two views may go, independently of the other.
    """

    def __init__(
        self, images: VideoSet, settings: PairSettings, view: ViewRange | None = None
    ) -> None:
        self.images, self.settings, self.view = images, settings, view or ViewRange()
        self._queries = with_objects(images)

    @property
    def categories(self) -> tuple[str, ...]:
        """Foreground classes, in the order of the labels."""
        return self.images.categories

    def __len__(self) -> int:
        return len(self._queries)

    def pair(
        self, index: int, generator: np.random.Generator, *, distance: int | None = None
    ) -> Pair:
        """Return two views of image ``index``; ``distance`` has no meaning here."""
        frame = self._queries[index].frame(0)
        query = self._seen(frame, generator)
        reference = query
        for _ in range(ATTEMPTS):
            candidate = self._seen(frame, generator)
            if _serves(candidate, query):
                reference = candidate
                break
        return make_pair(reference, query, generator, self.settings)

    def _seen(self, frame: LabelledFrame, generator: np.random.Generator) -> LabelledFrame:
        """Return a random view that shows an object, or the frame itself when none does."""
        size = (frame.image.shape[0], frame.image.shape[1])
        for _ in range(ATTEMPTS):
            seen = view_of(frame, random_view(generator, size, self.view), SMALLEST)
            if not seen.crowd.all():
                return seen
        return frame


def with_objects(images: VideoSet) -> list[AnnotatedVideo]:
    """Return the images that show an object.

    Raises:
        InputError: none does.
    """
    found = [
        video
        for video in images.videos
        if any(obj.segmentations[0] is not None and not obj.crowd for obj in video.objects)
    ]
    if not found:
        raise InputError(f"'{images.name}' shows no object: nothing to train on")
    return found


def _serves(reference: LabelledFrame, query: LabelledFrame) -> bool:
    """Return whether a view can be the reference of another of the same image."""
    objects = {
        number: label
        for frame in (reference, query)
        for number, label, crowd in zip(frame.ids, frame.labels, frame.crowd, strict=True)
        if not crowd
    }
    ids = np.array(list(objects))
    return serves(
        np.isin(ids, reference.ids), np.isin(ids, query.ids), np.array(list(objects.values()))
    )
