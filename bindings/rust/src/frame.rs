//! Frames in memory of the caller's.
use std::marker::PhantomData;
use std::ptr::null;

use crate::error::{Error, Result};
use crate::numbers::{number, Color, Format, Status};
use crate::sys;

/// A plane of a [`Frame`].
#[derive(Clone, Copy, Debug)]
pub struct Plane<'p> {
    /// All of its bytes: rows and what is between them.
    pub bytes: &'p [u8],
    /// The distance in bytes from a row to the one below it. Negative: the bottom row comes first.
    pub stride: isize,
}

/// One frame: `dp_frame`, which describes bytes that it borrows.
///
/// ```compile_fail,E0597
/// use dualpath::{Format, Frame};
/// let frame = {
///     let pixels = vec![0; 320 * 240 * 3];
///     Frame::packed(Format::Rgb24, &pixels, 320, 240).unwrap()
/// }; // the pixels are gone
/// drop(frame);
/// ```
///
/// Bytes that a frame describes cannot change:
///
/// ```compile_fail,E0506
/// # use dualpath::{Format, Frame};
/// let mut pixels = [0; 12];
/// let frame = Frame::packed(Format::Rgb24, &pixels, 2, 2).unwrap();
/// pixels[0] = 1;
/// drop(frame);
/// ```
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct Frame<'p> {
    raw: sys::dp_frame,
    pixels: PhantomData<&'p [u8]>,
}

// SAFETY: its pointers are those of a &[u8], which may be used in any thread.
unsafe impl Send for Frame<'_> {}
// SAFETY: as above.
unsafe impl Sync for Frame<'_> {}

/// What a plane has.
struct Extent {
    row_bytes: usize,
    rows: usize,
}

/// The planes of a format, None for a format or size that the library knows nothing of.
fn extents(format: Format, width: usize, height: usize) -> Option<Vec<Extent>> {
    let plane = |bytes: usize, width: usize, rows: usize| {
        Some(Extent { row_bytes: width.checked_mul(bytes)?, rows })
    };
    let (half_width, half_height) = (width / 2 + width % 2, height / 2 + height % 2);
    match format {
        Format::Rgb24 | Format::Bgr24 => Some(vec![plane(3, width, height)?]),
        Format::Rgba | Format::Bgra => Some(vec![plane(4, width, height)?]),
        Format::Gray8 => Some(vec![plane(1, width, height)?]),
        Format::Nv12 => Some(vec![plane(1, width, height)?, plane(2, half_width, half_height)?]),
        Format::I420 => {
            let chroma = || plane(1, half_width, half_height);
            Some(vec![plane(1, width, height)?, chroma()?, chroma()?])
        }
        _ => None,
    }
}

impl Extent {
    /// The top row in the plane's bytes; None where they are too few.
    fn top_row(&self, plane: &Plane<'_>) -> Option<*const u8> {
        let below_top = plane.stride.unsigned_abs().checked_mul(self.rows.checked_sub(1)?)?;
        if below_top.checked_add(self.row_bytes)? > plane.bytes.len() {
            return None;
        }
        Some(plane.bytes[if plane.stride < 0 { below_top } else { 0 }..].as_ptr())
    }
}

impl<'p> Frame<'p> {
    /// A tightly packed frame at the beginning of `pixels`: rows from top to bottom with nothing
    /// between them, planes one after the other.
    pub fn packed(format: Format, pixels: &'p [u8], width: usize, height: usize) -> Result<Self> {
        let sizes = extents(format, width, height).unwrap_or_default();
        let mut planes = Vec::with_capacity(sizes.len());
        let mut rest = pixels;
        for size in sizes {
            let bytes = size.row_bytes.saturating_mul(size.rows).min(rest.len());
            let stride = isize::try_from(size.row_bytes).unwrap_or(isize::MAX);
            planes.push(Plane { bytes: &rest[..bytes], stride });
            rest = &rest[bytes..];
        }
        Frame::planes(format, &planes, width, height)
    }

    /// A frame whose planes may be anywhere.
    pub fn planes(
        format: Format,
        planes: &[Plane<'p>],
        width: usize,
        height: usize,
    ) -> Result<Self> {
        let sizes = extents(format, width, height).ok_or_else(|| {
            Error::new(Status::Frame, format!("the format {format} of a frame is not known"))
        })?;
        if planes.len() != sizes.len() {
            let (given, expected) = (planes.len(), sizes.len());
            let sentence =
                format!("a frame of {format} has {expected} planes, and {given} are given");
            return Err(Error::new(Status::Frame, sentence));
        }
        let mut raw = sys::dp_frame {
            plane: [null(); 3],
            stride: [0; 3],
            width: number(width),
            height: number(height),
            format: format as i32,
            color: 0,
            rotation: 0,
            mirrored: 0,
            aspect_width: 0,
            aspect_height: 0,
            reserved: [0; 4],
        };
        for (i, (size, plane)) in sizes.iter().zip(planes).enumerate() {
            raw.plane[i] = size.top_row(plane).ok_or_else(|| too_few(i, size, plane))?;
            raw.stride[i] = plane.stride;
        }
        Ok(Frame { raw, pixels: PhantomData })
    }

    /// How NV12 and I420 become RGB; [`Color::Bt601Limited`] if this is not called.
    pub fn color(mut self, color: Color) -> Self {
        self.raw.color = color as i32;
        self
    }

    /// It becomes upright when it is turned clockwise by 0, 90, 180 or 270 degrees.
    pub fn rotation(mut self, degrees: i32) -> Self {
        self.raw.rotation = degrees;
        self
    }

    /// It is mirrored left to right before it is turned.
    pub fn mirrored(mut self, mirrored: bool) -> Self {
        self.raw.mirrored = mirrored.into();
        self
    }

    /// The shape of a stored pixel when it is shown, width to height.
    pub fn aspect(mut self, width: usize, height: usize) -> Self {
        self.raw.aspect_width = number(width);
        self.raw.aspect_height = number(height);
        self
    }

    /// For calls of [`sys`].
    pub fn as_ptr(&self) -> *const sys::dp_frame {
        &self.raw
    }
}

fn too_few(index: usize, size: &Extent, plane: &Plane<'_>) -> Error {
    let sentence = format!(
        "plane {index} of a frame has {} bytes, too few for {} rows of {} bytes that are {} apart",
        plane.bytes.len(),
        size.rows,
        size.row_bytes,
        plane.stride
    );
    Error::new(Status::Frame, sentence)
}
