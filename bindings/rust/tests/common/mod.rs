//! What the tests share: golden models with their clips and answers, and the shipped model with a
//! clip that `make check-rust` draws.
// Each test program takes a part of it.
#![allow(dead_code)]
use std::path::{Path, PathBuf};
use std::{env, fs};

use dualpath::{Color, Format, Frame, Model, ModelOptions, Sampling};

/// A file of the source tree.
pub fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

pub fn golden(name: &str) -> PathBuf {
    source("tests/golden").join(name)
}

pub fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A NumPy file of version 1: its shape, and its values as bytes.
fn read_npy(path: &Path) -> (Vec<usize>, Vec<u8>) {
    let bytes = read(path);
    assert_eq!(&bytes[..8], b"\x93NUMPY\x01\0", "{}", path.display());
    let values = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = String::from_utf8_lossy(&bytes[10..values]);
    let shape = header.split_once('(').unwrap().1.split_once(')').unwrap().0;
    let numbers = shape.split(',').map(str::trim).filter(|number| !number.is_empty());
    (numbers.map(|number| number.parse().unwrap()).collect(), bytes[values..].to_vec())
}

pub fn read_floats(path: &Path) -> Vec<f32> {
    let (_, bytes) = read_npy(path);
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
}

/// Frames in memory, one after another.
pub struct Video {
    pub format: Format,
    pub width: usize,
    pub height: usize,
    pub frames: Vec<Vec<u8>>,
}

impl Video {
    pub fn frames(&self) -> Vec<Frame<'_>> {
        self.frames.iter().map(|pixels| self.frame(pixels)).collect()
    }

    fn frame<'p>(&self, pixels: &'p [u8]) -> Frame<'p> {
        let frame = Frame::packed(self.format, pixels, self.width, self.height).unwrap();
        frame.color(Color::Bt601Limited)
    }
}

/// The clip of a golden model.
pub fn golden_video(name: &str) -> Video {
    let (shape, bytes) = read_npy(&golden(&format!("{name}.frames.npy")));
    let (height, width) = (shape[1], shape[2]);
    let frames = bytes.chunks_exact(height * width * 3).map(<[u8]>::to_vec).collect::<Vec<_>>();
    assert_eq!(frames.len(), shape[0]);
    Video { format: Format::Rgb24, width, height, frames }
}

/// A line of goldens.txt.
pub struct Golden {
    pub name: String,
    pub sampling: Sampling,
    pub rate: usize,
    pub views: usize,
    pub crops: usize,
}

pub fn goldens() -> Vec<Golden> {
    let text = String::from_utf8(read(&golden("goldens.txt"))).unwrap();
    let parse = |line: &str| {
        let words: Vec<_> = line.split(' ').collect();
        let number = |i: usize| words[i].parse().unwrap();
        Golden {
            name: words[0].to_string(),
            sampling: words[1].parse().unwrap(),
            rate: number(2),
            views: number(3),
            crops: number(4),
        }
    };
    text.lines().map(parse).collect()
}

pub fn released() -> Model<'static> {
    Model::open(golden("released.gguf")).unwrap()
}

/// The model that tells how a camera moves, on its backbone.
pub fn camera_motion() -> Model<'static> {
    let backbone = source("examples/models/backbone.gguf");
    let backbone = ModelOptions::new().as_backbone(true).open(backbone).unwrap();
    backbone.open_task(source("examples/models/camera-motion.gguf")).unwrap()
}

/// The film that build/examples/scene draws: a Y4M file of 320x240, I420.
pub fn pan_right() -> Video {
    let path = env::var_os("DUALPATH_CLIP").expect("make check-rust sets DUALPATH_CLIP");
    let bytes = read(Path::new(&path));
    let header = bytes.iter().position(|byte| *byte == b'\n').unwrap();
    assert!(bytes.starts_with(b"YUV4MPEG2 W320 H240 "));
    let (width, height, mark) = (320, 240, b"FRAME\n");
    let frames = bytes[header + 1..].chunks_exact(mark.len() + width * height * 3 / 2);
    let frames = frames.map(|frame| frame.strip_prefix(mark).unwrap().to_vec()).collect();
    Video { format: Format::I420, width, height, frames }
}
