//! What fails: files, frames, callbacks that cancel or panic, and what a session is good for then.
mod common;

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;

use common::{golden, golden_video, read, released, source};
use dualpath::{
    AttentionKind, AttentionPath, Clip, Format, Frame, LogLevel, Model, ModelOptions, Plane,
    Precision, Sampling, Session, SessionOptions, Status,
};

#[test]
fn failures_have_a_status_and_a_sentence() {
    let missing = Model::open("no such file.gguf").unwrap_err();
    assert_eq!(missing.status(), Status::Io);
    assert!(missing.to_string().contains("no such file.gguf"), "{missing}");

    let no_model = Model::open_memory(&b"nothing of a model"[..]).unwrap_err();
    assert_eq!(no_model.status(), Status::Format);
    let empty = Model::open_memory(Vec::new()).unwrap_err();
    assert_eq!(empty.status(), Status::Format);
    let nul = Model::open("a\0b").unwrap_err();
    assert_eq!(nul.status(), Status::Argument);

    let alone = Model::open(source("examples/models/camera-motion.gguf")).unwrap_err();
    assert_eq!(alone.status(), Status::Backbone);
    let limited = ModelOptions::new().max_memory(1).open(golden("released.gguf"));
    assert_eq!(limited.unwrap_err().status(), Status::Memory);
    let threads = SessionOptions::new().threads(usize::MAX).create(&released()).unwrap_err();
    assert_eq!(threads.status(), Status::Argument);
    assert!(threads.message().contains("threads"), "{threads}");
}

#[test]
fn a_session_says_what_was_wrong_with_a_call() {
    let mut session = Session::create(&released()).unwrap();
    assert_eq!(session.top(1).unwrap_err().status(), Status::Argument);
    let video = golden_video("released");
    let frames = video.frames();
    let turned = [frames[0].rotation(45)];
    let refused = session.classify_clip(&turned[..]).unwrap_err();
    assert_eq!(refused.status(), Status::Frame);
    assert!(refused.message().contains("45"), "{refused}");
    let few = Clip::new(&frames[1..]).sampling(Sampling::Given);
    assert_eq!(session.classify_clip(few).unwrap_err().status(), Status::Argument);
    session.classify_clip(&frames).unwrap();
    for count in [0, 4, usize::MAX] {
        assert_eq!(session.top(count).unwrap_err().status(), Status::Argument);
    }
    assert_eq!(session.top(3).unwrap().len(), 3);
}

#[test]
fn frames_stay_inside_of_their_bytes() {
    let pixels = [0; 4 * 4 * 4];
    for (format, bytes) in [
        (Format::Rgb24, 27),
        (Format::Bgr24, 27),
        (Format::Rgba, 36),
        (Format::Bgra, 36),
        (Format::Gray8, 9),
        (Format::Nv12, 9 + 8),
        (Format::I420, 9 + 4 + 4),
    ] {
        Frame::packed(format, &pixels[..bytes], 3, 3).unwrap();
        let short = Frame::packed(format, &pixels[..bytes - 1], 3, 3).unwrap_err();
        assert_eq!(short.status(), Status::Frame);
    }
    assert!(Frame::packed(Format::Unknown, &pixels, 1, 1).is_err());
    assert!(Frame::packed(Format::Rgb24, &pixels, usize::MAX, usize::MAX).is_err());
    assert!(Frame::packed(Format::Rgb24, &pixels, 0, 0).is_err());
    let planes = |stride| {
        let plane = Plane { bytes: &pixels[..4 * 2 + 3], stride };
        Frame::planes(Format::Gray8, &[plane], 3, 3)
    };
    assert!(planes(4).is_ok() && planes(-4).is_ok());
    assert!(planes(5).is_err() && planes(-5).is_err());
    assert!(planes(isize::MIN).is_err() && planes(isize::MAX).is_err());
    assert!(Frame::planes(Format::Nv12, &[], 3, 3).is_err());
}

/// A clip from the bottom up, with bytes between its rows, answers as it does from the top down.
#[test]
fn strides_may_be_negative() {
    let video = golden_video("released");
    let (row, stride) = (video.width * 3, video.width * 3 + 5);
    let flipped = |pixels: &Vec<u8>| -> Vec<u8> {
        let rows = pixels.chunks(row).rev();
        rows.flat_map(|row| [row, &[99; 5]].concat()).collect()
    };
    let flipped: Vec<_> = video.frames.iter().map(flipped).collect();
    let frame = |bytes| {
        let plane = Plane { bytes, stride: -(stride as isize) };
        Frame::planes(Format::Rgb24, &[plane], video.width, video.height).unwrap()
    };
    let frames: Vec<_> = flipped.iter().map(|bytes| frame(bytes)).collect();
    let mut session = Session::create(&released()).unwrap();
    let expected = session.classify_clip(&video.frames()).unwrap();
    assert_eq!(session.classify_clip(&frames).unwrap().logits, expected.logits);
}

#[test]
fn progress_is_heard_and_cancels() {
    let heard = Mutex::new(Vec::new());
    let is_cancelled = AtomicUsize::new(0);
    let options = SessionOptions::new().progress(|stage, fraction| {
        heard.lock().unwrap().push((stage.to_string(), fraction));
        match is_cancelled.load(Ordering::Relaxed) {
            0 => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        }
    });
    let mut session = options.create(&released()).unwrap();
    let video = golden_video("released");
    let expected = session.classify_clip(&video.frames()).unwrap();
    let stages = std::mem::take(&mut *heard.lock().unwrap());
    assert!(stages.windows(2).all(|pair| pair[0].1 <= pair[1].1));
    assert_eq!(stages.last().unwrap(), &("head".to_string(), 1.0));
    is_cancelled.store(1, Ordering::Relaxed);
    let cancelled = session.classify_clip(&video.frames()).unwrap_err();
    assert_eq!(cancelled.status(), Status::Cancelled);
    is_cancelled.store(0, Ordering::Relaxed);
    assert_eq!(session.classify_clip(&video.frames()).unwrap().logits, expected.logits);
}

#[test]
fn a_panic_of_a_closure_goes_on_behind_the_call() {
    let calls = AtomicUsize::new(0);
    let options = SessionOptions::new().progress(|_, _| {
        if calls.fetch_add(1, Ordering::Relaxed) == 2 {
            panic!("of the third call");
        }
        ControlFlow::Continue(())
    });
    let mut session = options.create(&released()).unwrap();
    let video = golden_video("released");
    let frames = video.frames();
    let call = AssertUnwindSafe(|| session.classify_clip(&frames));
    let panic = catch_unwind(call).unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"of the third call"));
    assert_eq!(calls.load(Ordering::Relaxed), 3); // it was cancelled there
    session.classify_clip(&frames).unwrap();

    let open = || {
        let options = ModelOptions::new().progress(|_, _| panic!("while opening"));
        options.verify(true).open(golden("released.gguf"))
    };
    let panic = catch_unwind(open).unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"while opening"));
}

#[test]
fn a_log_that_panics_leaves_the_session_usable() {
    let lines = Mutex::new(Vec::new());
    let options = SessionOptions::new().log(|level, message| {
        lines.lock().unwrap().push((level, message.to_string()));
        panic!("in a log");
    });
    let mut session = options.create(&released()).unwrap();
    let video = golden_video("released");
    let short = &video.frames()[..3];
    for _ in 0..2 {
        let call = AssertUnwindSafe(|| session.classify_clip(short));
        assert_eq!(catch_unwind(call).unwrap_err().downcast_ref(), Some(&"in a log"));
    }
    let frames = video.frames();
    session.classify_clip(Clip::new(&frames).sampling(Sampling::Given)).unwrap();
    drop(session);
    let lines = lines.into_inner().unwrap();
    assert_eq!((lines.len(), lines[0].0), (2, LogLevel::Info));
    assert!(lines[0].1.contains("repeat"), "{}", lines[0].1);
}

#[test]
fn readers_read_fail_and_panic() {
    let mut file = std::fs::File::open(golden("released.gguf")).unwrap();
    let model = ModelOptions::new().open_reader(|offset, buffer| {
        file.seek(SeekFrom::Start(offset))?;
        file.read(buffer)
    });
    assert_eq!(model.unwrap().info().unwrap(), released().info().unwrap());

    let failed = ModelOptions::new()
        .open_reader(|_, _| Err(io::Error::new(io::ErrorKind::Other, "the cable was cut")))
        .unwrap_err();
    assert_eq!(failed.status(), Status::Io);
    assert!(failed.message().ends_with("the cable was cut"), "{failed}");

    let lying = ModelOptions::new().open_reader(|_, buffer| Ok(buffer.len() + 1)).unwrap_err();
    assert_eq!(lying.status(), Status::Io);

    let open = || ModelOptions::new().open_reader(|_, _| panic!("while reading"));
    assert_eq!(catch_unwind(open).unwrap_err().downcast_ref(), Some(&"while reading"));
}

#[test]
fn tasks_keep_the_bytes_of_their_backbone() {
    let bytes = read(&source("examples/models/backbone.gguf"));
    let backbone = ModelOptions::new().as_backbone(true).open_memory(bytes).unwrap();
    let task = read(&source("examples/models/camera-motion.gguf"));
    let task = ModelOptions::new().open_task_memory(&backbone, &task).unwrap();
    drop(backbone);
    let video = common::pan_right();
    let mut session = Session::create(&task).unwrap();
    drop(task);
    session.classify_clip(&video.frames()).unwrap();
    assert_eq!(session.top(1).unwrap()[0].label, "pan right");
}

#[test]
fn files_are_verified() {
    ModelOptions::new().verify_file(golden("released.gguf")).unwrap();
    let mut bytes = read(&golden("released.gguf"));
    let inside = bytes.len() * 3 / 4; // of a tensor
    bytes[inside] ^= 1;
    let spoilt = ModelOptions::new().verify(true).open_memory(bytes).unwrap_err();
    assert_eq!(spoilt.status(), Status::Checksum);
}

#[test]
fn attention_sums_up_to_one() {
    let options = SessionOptions::new().attention(AttentionKind::Last);
    let mut session = options.create(&released()).unwrap();
    let video = golden_video("released");
    assert_eq!(session.attention(AttentionPath::Spatial).unwrap_err().status(), Status::Argument);
    session.classify_clip(&video.frames()).unwrap();
    for (path, images) in [(AttentionPath::Spatial, 8), (AttentionPath::Temporal, 1)] {
        let attention = session.attention(path).unwrap();
        assert_eq!((attention.images, attention.heads, attention.tokens), (images, 2, 17));
        for weights in attention.weights.chunks(attention.tokens) {
            assert!((weights.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        }
    }
}

#[test]
fn names_are_those_of_the_library() {
    assert_eq!("int8".parse::<Precision>().unwrap(), Precision::Int8);
    assert_eq!(Precision::Bf16.to_string(), "bf16");
    assert_eq!(Status::Full.name(), "DP_ERR_FULL");
    for unknown in ["unknown", "INT8", "", "a\0"] {
        assert!(unknown.parse::<Precision>().is_err());
    }
    assert_eq!(dualpath::version().split('.').count(), 3);
}
