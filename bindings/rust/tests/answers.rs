//! Answers: those of golden models as they were recorded, and that of the shipped model to a clip.
mod common;

use common::{camera_motion, golden, golden_video, goldens, pan_right, read, read_floats, Golden};
use dualpath::{Answer, Clip, Model, Pool, Precision, Session, SessionOptions, Status};

/// How far apart two are, as a part of the largest value.
fn distance(expected: &[f32], got: &[f32]) -> f32 {
    assert_eq!(expected.len(), got.len());
    let largest = expected.iter().fold(0f32, |most, value| most.max(value.abs()));
    let apart = expected.iter().zip(got).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
    apart / largest
}

fn answer_to(golden: &Golden, session: &mut Session<'_>) -> Answer {
    let video = golden_video(&golden.name);
    let frames = video.frames();
    let clip = Clip::new(&frames).sampling(golden.sampling).rate(golden.rate);
    session.classify_clip(clip.views(golden.views).crops(golden.crops)).unwrap()
}

/// That of f32, as in tests/api/test_engine.c.
const TOLERANCE: f32 = 1e-4;

fn assert_like_file(name: &str, got: &[f32]) {
    let path = golden(name);
    if got.is_empty() {
        assert!(!path.exists(), "{name}: there is no answer");
    } else {
        let apart = distance(&read_floats(&path), got);
        assert!(apart <= TOLERANCE, "{name}: off by {apart} of the largest value");
    }
}

#[test]
fn golden_models_answer_as_recorded() {
    let goldens = goldens();
    assert!(goldens.len() >= 18);
    for golden in goldens {
        let name = &golden.name;
        let model = Model::open(common::golden(&format!("{name}.gguf"))).unwrap();
        let answer = answer_to(&golden, &mut Session::create(&model).unwrap());
        assert_like_file(&format!("{name}.logits.npy"), &answer.logits);
        assert_like_file(&format!("{name}.spatial.npy"), &answer.feature_spatial);
        assert_like_file(&format!("{name}.temporal.npy"), &answer.feature_temporal);
        assert_eq!(answer.probabilities.len(), answer.logits.len());
        assert!(answer.macs > 0);
    }
}

#[test]
fn models_in_memory_on_pools_and_image_by_image_answer_the_same() {
    let golden = &goldens()[0];
    let path = common::golden(&format!("{}.gguf", golden.name));
    let expected = answer_to(golden, &mut Session::create(&Model::open(&path).unwrap()).unwrap());

    let bytes = read(&path);
    let borrowed = Model::open_memory(&bytes).unwrap();
    let owned = Model::open_memory(bytes.clone()).unwrap();
    let pool = Pool::create(2).unwrap();
    let mut sessions = [
        SessionOptions::new().threads(1).create(&borrowed).unwrap(),
        SessionOptions::new().pool(&pool).create(&owned).unwrap(),
        SessionOptions::new().image_by_image(true).create(&owned).unwrap(),
    ];
    assert_eq!((pool.threads(), sessions[0].threads(), sessions[1].threads()), (2, 1, 2));
    drop((borrowed, owned, pool)); // sessions hold on to them
    for session in &mut sessions {
        assert_eq!(answer_to(golden, session).logits, expected.logits);
    }
}

#[test]
fn the_shipped_model_sees_a_camera_that_pans() {
    let model = camera_motion();
    let video = pan_right();
    let mut session = Session::create(&model).unwrap();
    let answer = session.classify_clip(&video.frames()).unwrap();
    let top = session.top(3).unwrap();
    assert_eq!(top[0].label, "pan right");
    assert!(top[0].probability > 0.8 && top[0].probability > top[1].probability);
    assert_eq!(top[0].probability, answer.probabilities[top[0].index]);
    assert_eq!(top[0].logit, answer.logits[top[0].index]);
    assert!(answer.timings.total_ms > 0.0);
}

#[test]
fn a_clip_frame_by_frame_answers_as_a_whole_one() {
    let golden = &goldens()[0];
    let model = common::released();
    let mut session = Session::create(&model).unwrap();
    let whole = answer_to(golden, &mut session);
    session.begin_clip(0, 1).unwrap();
    for frame in golden_video(&golden.name).frames() {
        session.push_frame(&frame).unwrap();
    }
    assert_eq!(session.finish_clip().unwrap().logits, whole.logits);
    assert_eq!(session.finish_clip().unwrap_err().status(), Status::Argument);
}

#[test]
fn threads_share_a_model() {
    let golden = &goldens()[0];
    let model = common::released();
    let expected = answer_to(golden, &mut Session::create(&model).unwrap());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut session = SessionOptions::new().threads(1).create(&model).unwrap();
                assert_eq!(answer_to(golden, &mut session).logits, expected.logits);
            });
        }
    });
}

#[test]
fn a_session_goes_to_another_thread() {
    let golden = &goldens()[0];
    let mut session = Session::create(&common::released()).unwrap();
    let here = answer_to(golden, &mut session);
    let there = std::thread::spawn(move || answer_to(&goldens()[0], &mut session));
    assert_eq!(there.join().unwrap().logits, here.logits);
}

#[test]
fn compiled_models_answer_the_same() {
    let golden = &goldens()[0];
    let model = common::released();
    let expected = answer_to(golden, &mut Session::create(&model).unwrap());
    let folder = std::env::temp_dir().join(format!("dualpath-rust-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let path = folder.join("compiled.gguf");
    model.compile(&path).unwrap();
    // A Vec may be aligned to 64 bytes or not: both are right.
    let compiled = [Model::open(&path).unwrap(), Model::open_memory(read(&path)).unwrap()];
    std::fs::remove_dir_all(&folder).unwrap();
    for model in compiled {
        assert!(model.info().unwrap().compiled);
        let answer = answer_to(golden, &mut Session::create(&model).unwrap());
        assert_eq!(answer.logits, expected.logits);
    }
}

#[test]
fn what_a_model_says_of_itself() {
    let model = common::released();
    let info = model.info().unwrap();
    assert_eq!((info.frames, info.input_size, info.patch_size, info.grid), (16, 32, 8, 4));
    assert_eq!((info.width, info.blocks, info.heads), (32, 2, 2));
    assert_eq!(info.mean, [0.485, 0.456, 0.406]);
    assert_eq!(info.precision, Precision::F32);
    assert_eq!((info.method.name(), info.file_type.as_str()), ("dualpath", "f32"));
    assert!(info.protocol.contains("frames"), "{}", info.protocol);
    let labels = model.labels();
    assert_eq!(labels.len(), info.classes);
    assert_eq!(model.label(info.classes), None);
    assert_eq!(camera_motion().labels()[0], camera_motion().label(0).unwrap());
}
