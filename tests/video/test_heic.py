"""HEIC photographs: transparency, and several in a file. Two of 64 x 64 pixels, a red plane."""

import base64
import zlib

import av
import pytest
from films import numbered

from propose_reduce.errors import InputError
from propose_reduce.video import open_video

HALF_TRANSPARENT = (
    "eNpjYGCQSSupLMhIzUxmAILczDRDEDs3MzGNgYHJNTe1JJEBAhQzUnKKoGyGgszkEgY0YJKZkw82xMWB"
    "gYmBEcRiyoTQQCADFAOJtMJFpIHYIjMzLw3MA8mKAjmpYGVANRllyYYMKIJMCEG+gsySXAaoSsaWzIKi"
    "AiAdl1mQnA8UqwAqc2ZkBgoxTAArkvvA8Ofvjx8MDPzMCUAdEg6MPIz//4MUMINUMIOQ3C4mh0SgpLYT"
    "IyOazAKFRtZprzw11+UxSfFwgIROgAgOhySgenYXxoNFG5QcgNYIJ+fnFOUl51QAhXkZ2BqAQiKZxQWp"
    "UA87QLFAQWZFJkiAmYMDaBpDEdi5LCDm/B8w5/5BOFcc4lwWsM0gFUBXwVyrBnQtqsSBJhax6JUqy3Zu"
    "UAAKMIMIBkU0h/LBXMAIslQ9sbTCGcQrLcqzyi1ITbfKSC1LtjIyMDS1AkplpliBw1wusyAXlhiA8cvS"
    "yMTMwsDE0srM1g4UkcosSk2DyvIBdeWA0wAoru1zUxJBiUVCg3G9cMNT4wPz/7/x6v+fV/Ph9262rc5X"
    "QF4W12Bcp374i+b//3cLL3rdv9dhL7T/v0n8BwAmj4hP"
)
"""Opaque in its right half alone; compressed by zlib."""

TWO = (
    "eNpjYGCQSSupLMhIzUxmAILczDRDEDs3MzGNgYGxJTe1JJEBAhQzUnKKoGyGgszkEgY0YJKZkw82xMWB"
    "gYmBEcRiXAGhgUAGKAYSOYIkwsBgkZmZlwbmgWRFgZxUiDIGhoyyZEMGFEEmhCBfQWZJLgNUJcPdzIKi"
    "AiC9PbMgOR9IVwCVOTMyg4QmgBXJfWD48/fHDwYGfuYEoA4JB0Yexv//QQqYQSqYQUhuF5NDIlBS24mR"
    "EU1mgUIj67RXnprr8pikeDhAQidABIdDElA9uwvjwaINSg5Aa4ST83OK8pJzKoDCvAxsDUAhkcziglSo"
    "hx2gWKAgsyITJMDMwcEBcl1mQS4slIEBx9LIxMzCwAShgDpyUxJBYS2hwbheuOGp8YH5/9949f/Pq/nw"
    "ezfbVucrP/DJAQAQFGF4"
)


def put(path, text):
    path.write_bytes(zlib.decompress(base64.b64decode(text)))
    return path


def test_transparency_lies_on_black(tmp_path):
    video = open_video(put(tmp_path / "a.heic", HALF_TRANSPARENT))
    assert (len(video.frames), video.size, video.warnings) == (1, (64, 64), ())
    frame = video.frames[0].astype(int)
    assert frame[:, :28].max() <= 8
    assert abs(frame[:, 36:] - [200, 40, 40]).max() <= 8


def test_several_photographs_or_tiles_are_refused(tmp_path):
    put(tmp_path / "a.heic", TWO)
    with pytest.raises(InputError, match="holds 2 photographs, or the tiles of one: convert it"):
        open_video(tmp_path / "a.heic")


@pytest.mark.parametrize("streams", [1, 2])
@pytest.mark.parametrize("brand", [b"msf1", b"hevc"])
def test_all_frames_of_an_animation_are_read(tmp_path, brand, streams):
    film = tmp_path / "a.mp4"
    with av.open(str(film), "w") as output:
        for _ in range(streams):
            stream = output.add_stream("mpeg4", rate=10)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for stream in output.streams.video:
            for number in range(6):
                frame = av.VideoFrame.from_ndarray(numbered(number, 48, 64), format="rgb24")
                output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
    content = film.read_bytes()
    (tmp_path / "a.heic").write_bytes(content[:8] + brand + content[12:])
    video = open_video(tmp_path / "a.heic")
    assert (len(video.frames), video.size) == (6, (48, 64))
    told = ("of its 2 streams of pictures the first alone is taken",) * (streams - 1)
    assert video.warnings == told
