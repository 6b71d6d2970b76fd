//! The action in a video that `ffmpeg -i VIDEO -pix_fmt yuv420p VIDEO.y4m` made:
//! `classify MODEL.gguf VIDEO.y4m [BACKBONE.gguf]`.
use dualpath::{Format, Frame, Model, ModelOptions, Session};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let model = arguments.next().ok_or("usage: classify MODEL VIDEO.y4m [BACKBONE]")?;
    let bytes = std::fs::read(arguments.next().ok_or("there is no video")?)?;
    let model = match arguments.next() {
        Some(backbone) => ModelOptions::new().as_backbone(true).open(backbone)?.open_task(model)?,
        None => Model::open(model)?,
    };

    // "YUV4MPEG2 W320 H240 F25:1 C420jpeg", and for each frame "FRAME" and its planes
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or("this is no Y4M file")?;
    let header = std::str::from_utf8(&bytes[..end])?;
    let number =
        |letter| header.split(' ').find_map(|word| word.strip_prefix(letter)?.parse().ok());
    let width: usize = number('W').ok_or("the video has no width")?;
    let height: usize = number('H').ok_or("the video has no height")?;
    let size = "FRAME\n".len() + width * height + 2 * ((width + 1) / 2 * ((height + 1) / 2));
    let frames = bytes[end + 1..]
        .chunks_exact(size)
        .map(|frame| Frame::packed(Format::I420, &frame["FRAME\n".len()..], width, height))
        .collect::<Result<Vec<_>, _>>()?;

    let mut session = Session::create(&model)?;
    session.classify_clip(&frames)?;
    for p in session.top(3)? {
        println!("{:12} {:5.2} %", p.label, 100.0 * p.probability);
    }
    Ok(())
}
