//! Streams and events.
mod common;

use std::time::Duration;

use common::{camera_motion, golden_video, pan_right, released};
use dualpath::{
    Clip, Event, Events, EventsOptions, Frame, Full, Sampling, Session, SessionOptions, Status,
    Stream, StreamOptions, Window,
};

const NO_WAIT: Option<Duration> = Some(Duration::ZERO);

/// Pushes all frames and takes all windows, in one thread.
fn windows_of<'a>(
    stream: &mut Stream<'a>,
    session: &mut Session<'a>,
    frames: &[Frame<'_>],
) -> Vec<Window> {
    let mut windows = Vec::new();
    for (frame, time_us) in frames.iter().zip((0..).step_by(40_000)) {
        stream.push(frame, time_us).unwrap();
        windows.extend(stream.next(session, NO_WAIT).unwrap());
    }
    stream.finish().unwrap();
    while let Some(window) = stream.next(session, NO_WAIT).unwrap() {
        windows.push(window);
    }
    windows
}

#[test]
fn windows_answer_as_clips_of_their_frames() {
    let video = pan_right();
    let frames = video.frames();
    let model = camera_motion();
    let mut session = Session::create(&model).unwrap();
    let mut stream = StreamOptions::new().rate(1).hop(16).create(&mut session).unwrap();
    let windows = windows_of(&mut stream, &mut session, &frames);
    assert_eq!(windows.len(), 4);
    for (number, window) in windows.iter().enumerate() {
        assert_eq!(window.number, number as u64);
        let own: Vec<_> = window.frames.iter().map(|i| frames[*i as usize]).collect();
        let clip = Clip::new(&own).sampling(Sampling::Given).crops(1);
        let answer = session.classify_clip(clip).unwrap();
        assert_eq!(answer.logits, window.answer.logits);
        assert_eq!(window.times_us[0], window.frames[0] * 40_000);
    }
    let top = stream.top(1).unwrap();
    assert_eq!(top[0].logit, windows[3].answer.logits[top[0].index]);
}

#[test]
fn streams_share_a_session_and_outlive_it() {
    let video = golden_video("released");
    let frames = video.frames();
    let mut session = Session::create(&released()).unwrap();
    let options = StreamOptions::new().rate(1);
    let mut streams =
        [options.clone().create(&mut session).unwrap(), options.create(&mut session).unwrap()];
    let answers = streams
        .iter_mut()
        .map(|stream| windows_of(stream, &mut session, &frames))
        .collect::<Vec<_>>();
    assert_eq!(answers[0].len(), 1);
    assert_eq!(answers[0][0].answer.logits, answers[1][0].answer.logits);
    streams[0].reset().unwrap();
    assert_eq!(windows_of(&mut streams[0], &mut session, &frames).len(), 1);
    drop(session);
    assert_eq!(streams[1].top(1).unwrap().len(), 1);
}

#[test]
fn one_thread_pushes_and_another_computes() {
    let video = golden_video("released");
    let mut session = Session::create(&released()).unwrap();
    let options = StreamOptions::new().rate(1).hop(4).full(Full::Wait);
    let mut stream = options.create(&mut session).unwrap();
    let (mut pusher, mut windows) = stream.split();
    let found = std::thread::scope(|scope| {
        scope.spawn(move || {
            for (number, frame) in (0..).zip(video.frames().iter().cycle().take(40)) {
                pusher.push(frame, number).unwrap();
            }
            pusher.finish().unwrap();
        });
        let next = || windows.next(&mut session, None).unwrap();
        std::iter::from_fn(next).map(|window| window.frames[0]).collect::<Vec<_>>()
    });
    assert_eq!(found, [0, 4, 8, 12, 16, 20, 24]);
}

#[test]
fn another_session_is_refused() {
    let model = released();
    let mut session = Session::create(&model).unwrap();
    let mut other = Session::create(&model).unwrap();
    let mut stream = Stream::create(&mut session).unwrap();
    let refused = stream.next(&mut other, NO_WAIT).unwrap_err();
    assert_eq!(refused.status(), Status::Argument);
    assert_eq!(stream.next(&mut session, NO_WAIT).unwrap(), None);
}

#[test]
fn a_full_queue_refuses() {
    let video = golden_video("released");
    let frame = &video.frames()[0];
    let mut session = Session::create(&released()).unwrap();
    let mut stream = StreamOptions::new().rate(1).queue(2).create(&mut session).unwrap();
    stream.push(frame, 0).unwrap();
    stream.push(frame, 1).unwrap();
    assert_eq!(stream.push(frame, 2).unwrap_err().status(), Status::Full);
    assert_eq!(stream.next(&mut session, NO_WAIT).unwrap(), None);
    stream.push(frame, 2).unwrap();
}

#[test]
fn a_stream_waits_no_longer_than_it_is_told() {
    let mut session = Session::create(&released()).unwrap();
    let mut stream = Stream::create(&mut session).unwrap();
    let start = std::time::Instant::now();
    assert_eq!(stream.next(&mut session, Some(Duration::from_micros(1500))).unwrap(), None);
    assert!(start.elapsed() >= Duration::from_millis(1));
}

#[test]
fn a_panic_of_progress_goes_through_a_stream() {
    let video = golden_video("released");
    let mut armed = true;
    let options = SessionOptions::new().progress(|_, _| {
        if std::mem::take(&mut armed) {
            panic!("in a callback");
        }
        std::ops::ControlFlow::Continue(())
    });
    let mut session = options.create(&released()).unwrap();
    let mut stream = StreamOptions::new().rate(1).create(&mut session).unwrap();
    stream.push(&video.frames()[0], 0).unwrap();
    let next = || stream.next(&mut session, NO_WAIT);
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(next)).unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"in a callback"));
    assert_eq!(stream.next(&mut session, NO_WAIT).unwrap(), None);
}

#[test]
fn events_of_windows() {
    let video = pan_right();
    let model = camera_motion();
    let mut session = Session::create(&model).unwrap();
    let mut stream = StreamOptions::new().rate(1).create(&mut session).unwrap();
    let mut events = Events::create(model.info().unwrap().classes).unwrap();
    for window in windows_of(&mut stream, &mut session, &video.frames()) {
        events.push_window(&window).unwrap();
    }
    events.finish().unwrap();
    let found: Vec<Event> = events.collect();
    let longest = found.iter().max_by_key(|event| event.end_us - event.start_us).unwrap();
    assert_eq!(model.label(longest.index).unwrap(), "pan right");
    assert!(longest.peak >= longest.mean && longest.mean > 0.35);
    assert!((longest.start_us..=longest.end_us).contains(&longest.peak_us));
}

#[test]
fn events_refuse_what_fits_not() {
    let mut events = EventsOptions::new().single(true).create(2).unwrap();
    for refused in [events.push(0, 1, &[0.5]), events.push(0, 1, &[0.5; 3]), events.ignore(2)] {
        assert_eq!(refused.unwrap_err().status(), Status::Argument);
    }
    assert_eq!(events.push(0, 1, &[f32::NAN, 0.5]).unwrap_err().status(), Status::Numeric);
    events.ignore(0).unwrap();
    events.push(0, 1, &[0.1, 0.9]).unwrap();
    assert_eq!(events.open(1).unwrap().index, 1);
    assert_eq!((events.open(0), events.next()), (None, None));
    events.reset().unwrap();
    assert_eq!(events.open(1), None);
    assert!(EventsOptions::new().smooth(2).create(2).is_err());
}
