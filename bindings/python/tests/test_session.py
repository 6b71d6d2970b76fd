"""Sessions: results, options, arenas, pushed frames, views."""

from __future__ import annotations

import numpy as np
import pytest

import dualpath


class TestSession:
    def test_result(self, session, model, clip, answer):
        result = session.classify(clip, sampling="given")
        assert np.array_equal(result.logits, answer)
        for array, size in (
            (result.logits, model.classes),
            (result.probabilities, model.classes),
            (result.feature_temporal, model.feature_size),
            (result.feature_spatial, model.feature_size),
        ):
            assert array.dtype == np.float32 and array.shape == (size,) and array.flags.owndata
        softmax = np.exp(answer - answer.max())
        np.testing.assert_allclose(result.probabilities, softmax / softmax.sum(), rtol=1e-5)
        assert result.macs == model.info.macs
        parts = result.timings
        assert parts.total_ms > 0
        assert parts.frames_ms + parts.patches_ms + parts.blocks_ms + parts.head_ms <= (
            parts.total_ms * 1.01
        )
        with pytest.raises(AttributeError):
            result.logits = None

    def test_results_outlive_the_next_call(self, session, clip, answer):
        first = session.classify(clip, sampling="given")
        second = session.classify(255 - clip, sampling="given")
        assert not np.array_equal(second.logits, answer)
        assert np.array_equal(first.logits, answer)
        session.close()
        assert np.array_equal(first.logits, answer)

    def test_top(self, session, model, clip):
        with pytest.raises(dualpath.ArgumentError):
            session.top()
        result = session.classify(clip, sampling="given")
        assert session.top(3) == result.top(3) == result.top(100)
        assert [p.index for p in result.top()] == list(np.argsort(-result.logits))
        best = result.top(1)[0]
        assert best.label == model.labels[best.index]
        assert best.probability == result.probabilities.max()
        for k in (0, -1):
            with pytest.raises(ValueError, match="k must be"):
                result.top(k)
        for k in (0, 4):
            with pytest.raises(ValueError, match="k must be 1 .. 3"):
                session.top(k)

    def test_threads_change_nothing(self, model, clip, answer):
        for threads in (1, 2, 3):
            with dualpath.Session(model, threads=threads) as session:
                assert session.threads == threads
                assert np.array_equal(session.classify(clip, sampling="given").logits, answer)

    def test_arena(self, model, clip, answer):
        size = dualpath.Session.size(model, threads=2)
        with dualpath.Session(model, threads=2, arena=size) as session:
            assert np.array_equal(session.classify(clip, sampling="given").logits, answer)
        with pytest.raises(dualpath.ArenaError, match=str(size)):
            dualpath.Session(model, threads=2, arena=size - 64)
        with pytest.raises(dualpath.ArenaError):
            dualpath.Session(model, threads=2, arena=0)

    def test_image_by_image(self, model, clip, answer):
        size = dualpath.Session.size(model, threads=2, image_by_image=True)
        assert 2 * size < dualpath.Session.size(model, threads=2)
        with dualpath.Session(model, threads=2, image_by_image=True, arena=size) as session:
            assert np.array_equal(session.classify(clip, sampling="given").logits, answer)
            with pytest.raises(dualpath.ArgumentError, match="image by image"):
                session.preprocess_view(clip, sampling="given")

    @pytest.mark.parametrize("image_by_image", [False, True])
    def test_push(self, model, clip, answer, image_by_image):
        buffer = np.empty_like(clip[0])
        with dualpath.Session(model, threads=2, image_by_image=image_by_image) as session:
            session.begin_clip()
            for i, frame in enumerate(clip):
                with pytest.raises(dualpath.ArgumentError, match=f"has {i} frames of the 16"):
                    session.finish_clip()
                buffer[:] = frame
                session.push_frame(dualpath.Frame(buffer) if i % 2 else buffer)
                buffer[:] = 0
            with pytest.raises(dualpath.ArgumentError, match="16 frames already"):
                session.push_frame(buffer)
            result = session.finish_clip()
            assert np.array_equal(result.logits, answer)
            assert session.top()[0] == result.top(1)[0]

    def test_push_in_disorder(self, session, clip, answer):
        for call in (lambda: session.push_frame(clip[0]), session.finish_clip):
            with pytest.raises(dualpath.ArgumentError, match="no clip is open"):
                call()
        with pytest.raises(ValueError, match="crop must be 0 .. 2"):
            session.begin_clip(3, 3)
        with pytest.raises(ValueError, match="crops must be 1 .. 64"):
            session.begin_clip(0, 65)
        session.begin_clip()
        session.push_frame(clip[0])
        assert np.array_equal(session.classify(clip, sampling="given").logits, answer)
        with pytest.raises(dualpath.ArgumentError, match="no clip is open"):
            session.push_frame(clip[1])
        session.begin_clip()
        with pytest.raises(TypeError, match="uint8"):
            session.push_frame(clip[0].tolist())
        for frame in clip:
            session.push_frame(frame)
        assert np.array_equal(session.finish_clip().logits, answer)

    def test_options_out_of_range(self, session, model, clip):
        for threads in (-1, 257, 2**32 + 1):
            with pytest.raises(ValueError, match="threads must be 0 .. 256"):
                dualpath.Session(model, threads=threads)
        with pytest.raises(TypeError):
            dualpath.Session(model, threads=1.5)
        with pytest.raises(ValueError, match="unknown sampling 'middle': one of model"):
            session.classify(clip, sampling="middle")
        for option, limit in (("rate", 65536), ("views", 256), ("crops", 64)):
            for value in (0, -1, limit + 1, 2**32 + 1):
                with pytest.raises(ValueError, match=f"{option} must be 1 .. {limit}"):
                    session.classify(clip, **{option: value})

    def test_wrong_count_as_given(self, session, clip, answer):
        with pytest.raises(dualpath.DualPathError, match="16"):
            session.classify(clip[:15], sampling="given")
        assert np.array_equal(session.classify(clip, sampling="given").logits, answer)

    def test_sampling(self, session, clip, answer):
        long = np.zeros((80, *clip.shape[1:]), np.uint8)
        long[8:72:4] = clip  # of the 20 frames 0, 4, 8, ... the centre 16
        assert np.array_equal(session.classify(long, rate=4).logits, answer)
        assert np.array_equal(session.classify(long[8:], sampling="first", rate=4).logits, answer)

    def test_peak(self, session):
        assert session.peak(5) > 0.1
        with pytest.raises(dualpath.ArgumentError):
            session.peak(0)

    def test_closed(self, model, clip):
        session = dualpath.Session(model)
        session.close()
        session.close()
        for call in (lambda: session.classify(clip), session.top, session.peak):
            with pytest.raises(ValueError, match="the session is closed"):
                call()


def test_view(session, model):
    info = model.info
    frames = np.zeros((info.frames, info.input_size, info.input_size, 3), np.uint8)
    frames[:] = np.arange(info.frames).reshape(-1, 1, 1, 1) * 10
    spatial, temporal = session.preprocess_view(frames, sampling="given")
    assert spatial.shape == (info.spatial_frames, 3, info.input_size, info.input_size)
    assert temporal.shape == (info.framesets, 3, info.input_size, info.input_size)
    shown = spatial[3, 1] * info.std[1] + info.mean[1]
    step = info.frames // info.spatial_frames
    np.testing.assert_allclose(shown, 3 * step * 10 / 255, atol=1e-6)
    twice = np.concatenate([frames, frames + 3])
    late = session.preprocess_view(twice, 1, sampling="first", rate=1, views=2)[1]
    np.testing.assert_array_equal(late, session.preprocess_view(twice[info.frames // 2:], rate=1,
                                                     sampling="first")[1])
    with pytest.raises(ValueError, match="view must be 0 .. 0"):
        session.preprocess_view(twice, 1)
